"""What -v, --mount, --tmpfs, --volumes-from, --rootfs and the image's VOLUMEs put into a container."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import Skerry

RUN = ("run", "--rm", "--network=none")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder of the host with a file and a folder."""
    (tmp_path / "src/sub").mkdir(parents=True)
    (tmp_path / "src/file").write_text("text")
    (tmp_path / "src/sub/deep").write_text("deep")
    return tmp_path / "src"


@pytest.fixture
def mounted_below(source: Path) -> Iterator[Path]:
    """The folder with a tmpfs mounted in it."""
    (source / "tmpfs").mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "x", source / "tmpfs"], check=True)
    yield source
    subprocess.run(["umount", "-l", source / "tmpfs"], check=True)


def line_of(skerry: Skerry, place: str, *words: str) -> str:
    """The line of /proc/mounts about ``place`` in a container with these flags."""
    return skerry(*RUN, *words, "grep", f" {place} ", "/proc/mounts").stdout


def image(skerry: Skerry, busybox: str, script: str, *changes: str) -> str:
    """An image in which a script has run, with changes to its configuration."""
    skerry("run", "--name", "base", "--network=none", busybox, "sh", "-c", script)
    flags = [word for change in changes for word in ("-c", change)]
    skerry("commit", "-q", *flags, "base", "changed")
    skerry("rm", "base")
    return "changed"


# Overlays


def test_an_overlay_leaves_the_host_s_folder_alone(skerry: Skerry, busybox: str, source: Path) -> None:
    script = "cat /x/file; echo new > /x/file; echo more > /x/more; rm /x/sub/deep"
    assert skerry(*RUN, "-v", f"{source}:/x:O", busybox, "sh", "-c", script).stdout == "text"
    assert sorted(os.listdir(source)) == ["file", "sub"]
    assert (source / "file").read_text() == "text"
    assert (source / "sub/deep").exists()


def test_an_overlay_begins_anew_with_each_start(skerry: Skerry, busybox: str, source: Path) -> None:
    skerry("run", "--name", "c", "--network=none", "-v", f"{source}:/x:O", busybox, "sh", "-c", "ls /x; touch /x/new")
    assert not list((skerry.root / "containers").glob("*/overlays"))
    assert skerry("start", "-a", "c").stdout == "file\nsub\n"


def test_an_overlay_s_own_folders_keep_what_is_written(
    skerry: Skerry, busybox: str, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "work").mkdir()
    flag = f"{source}:/x:O,upperdir={tmp_path}/up,workdir={tmp_path}/work"
    skerry(*RUN, "-v", flag, busybox, "touch", "/x/new")
    assert os.listdir(tmp_path / "up") == ["new"]
    assert skerry(*RUN, "-v", flag, busybox, "ls", "/x").stdout == "file\nnew\nsub\n"


def test_an_overlay_over_a_volume_leaves_the_volume_alone(skerry: Skerry, busybox: str) -> None:
    skerry(*RUN, "-v", "data:/x", busybox, "touch", "/x/kept")
    assert skerry(*RUN, "-v", "data:/x:O", busybox, "sh", "-c", "touch /x/new; ls /x").stdout == "kept\nnew\n"
    assert skerry(*RUN, "-v", "data:/x", busybox, "ls", "/x").stdout == "kept\n"


def test_volumes_from_keeps_an_overlay_an_overlay(skerry: Skerry, busybox: str, source: Path) -> None:
    skerry("create", "--name", "c", "-v", f"{source}:/x:O", busybox)
    skerry(*RUN, "--volumes-from", "c:rw", busybox, "rm", "/x/file")
    assert (source / "file").exists()


# Images


def test_an_image_is_mounted_read_only_or_with_a_layer(skerry: Skerry, busybox: str) -> None:
    read_only = ("--mount", f"type=image,src={busybox},dst=/x", busybox)
    assert "Read-only file system" in skerry(*RUN, *read_only, "touch", "/x/y", check=False).stderr
    assert "bin" in skerry(*RUN, *read_only, "ls", "/x").lines
    writable = ("--mount", f"type=image,src={busybox},dst=/x,rw=true", busybox)
    assert "new" in skerry(*RUN, *writable, "sh", "-c", "touch /x/new; ls /x").lines
    assert "new" not in skerry(*RUN, *writable, "ls", "/x").lines


def test_an_image_s_files_have_the_container_s_ids(skerry: Skerry, busybox: str) -> None:
    flags = ("--uidmap", "0:100000:5000", "--mount")
    read_only = f"type=image,src={busybox},dst=/x"
    assert skerry(*RUN, *flags, read_only, busybox, "stat", "-c", "%u:%g", "/x/etc/passwd").stdout == "0:0\n"
    script = "touch /x/new; echo more >> /x/etc/passwd; stat -c %u /x/new /x/etc/passwd"
    assert skerry(*RUN, *flags, f"{read_only},rw=true", busybox, "sh", "-c", script).stdout == "0\n0\n"
    part = f"{read_only},subpath=/etc"
    assert skerry(*RUN, *flags, part, busybox, "stat", "-c", "%u", "/x/passwd").stdout == "0\n"


def test_a_part_of_an_image_is_mounted(skerry: Skerry, busybox: str) -> None:
    part = f"type=image,src={busybox},dst=/x,subpath=/etc"
    assert "passwd" in skerry(*RUN, "--mount", part, busybox, "ls", "/x").lines
    result = skerry(*RUN, "--mount", f"type=image,src={busybox},dst=/x,subpath=/no", busybox, "true", check=False)
    assert result.code == 127
    assert "no such file or directory" in result.stderr


def test_a_mounted_image_is_in_use(skerry: Skerry, busybox: str) -> None:
    other = image(skerry, busybox, "touch /other")
    skerry("create", "--name", "c", "--mount", f"type=image,src={other},dst=/x", busybox)
    result = skerry("rmi", other, check=False)
    assert (result.code, "image is in use by a container" in result.stderr) == (2, True)
    skerry("rm", "c")
    skerry("rmi", other)
    result = skerry(*RUN, "--mount", "type=image,src=nosuch,dst=/x", busybox, "true", check=False)
    assert 'creating image volume "nosuch":"/x": nosuch: image not known' in result.stderr


# Parts of volumes


def test_a_part_of_a_volume_is_mounted(skerry: Skerry, busybox: str) -> None:
    skerry(*RUN, "-v", "data:/x", busybox, "sh", "-c", "mkdir -p /x/a/b; echo hi > /x/a/b/c")
    for part in ("a/b", "/a/b", "../a/./b"):
        assert (
            skerry(*RUN, "--mount", f"type=volume,src=data,dst=/y,subpath={part}", busybox, "ls", "/y").stdout == "c\n"
        )
    file = "type=volume,src=data,dst=/y,subpath=a/b/c"
    assert skerry(*RUN, "--mount", file, busybox, "cat", "/y").stdout == "hi\n"
    result = skerry(*RUN, "--mount", "type=volume,src=data,dst=/y,subpath=no", busybox, "true", check=False)
    assert (result.code, "subpath no" in result.stderr) == (127, True)


@pytest.mark.parametrize("target", ["/etc", "../../../../../../etc", "/proc/1/root/etc"])
def test_a_link_in_a_volume_does_not_lead_its_part_out(skerry: Skerry, busybox: str, target: str) -> None:
    skerry(*RUN, "-v", "data:/x", busybox, "sh", "-c", f"ln -s {target} /x/link; mkdir /x/etc; touch /x/etc/inside")
    result = skerry(*RUN, "--mount", "type=volume,src=data,dst=/y,subpath=link", busybox, "ls", "/y", check=False)
    assert result.stdout in ("inside\n", "")
    assert "passwd" not in result.stdout


def test_a_link_in_an_image_does_not_lead_its_part_out(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("host")
    other = image(skerry, busybox, f"ln -s ../../../../../..{tmp_path} /link")
    result = skerry(*RUN, "--mount", f"type=image,src={other},dst=/y,subpath=/link", busybox, "ls", "/y", check=False)
    assert (result.code, result.stdout) == (127, "")


# Binds


def test_a_glob_mounts_each_file(skerry: Skerry, busybox: str, source: Path) -> None:
    words = ("--mount", f"type=glob,src={source}/*,dst=/x,ro", busybox)
    assert skerry(*RUN, *words, "ls", "/x").stdout == "file\nsub\n"
    assert "Read-only file system" in skerry(*RUN, *words, "touch", "/x/file", check=False).stderr


def test_a_link_is_mounted_as_a_link(skerry: Skerry, busybox: str, source: Path) -> None:
    (source / "link").symlink_to("/some/where")
    words = ("--mount", f"type=bind,src={source}/link,dst=/made/link,no-dereference", busybox)
    assert skerry(*RUN, *words, "readlink", "/made/link").stdout == "/some/where\n"


def test_a_link_is_put_nowhere_but_into_the_container(
    skerry: Skerry, busybox: str, source: Path, tmp_path: Path
) -> None:
    (source / "link").symlink_to("/some/where")
    other = image(skerry, busybox, f"ln -s ../../../../../..{tmp_path} /out")
    skerry(*RUN, "--mount", f"type=bind,src={source}/link,dst=/out/planted,no-dereference", other, "true", check=False)
    assert not os.path.lexists(tmp_path / "planted")


@pytest.mark.parametrize("mode", ["rprivate", "rslave", "rshared"])
def test_propagation(skerry: Skerry, busybox: str, source: Path, mode: str) -> None:
    subprocess.run(["mount", "--bind", source, source], check=True)
    subprocess.run(["mount", "--make-shared", source], check=True)
    try:
        skerry("run", "-d", "--name", "c", "--network=none", "-v", f"{source}:/x:{mode}", busybox, "sleep", "100")
        subprocess.run(["mount", "-t", "tmpfs", "x", source / "sub"], check=True)
        seen = skerry("exec", "c", "grep", "-c", " /x/sub tmpfs", "/proc/mounts", check=False).stdout.strip()
        assert seen == ("0" if mode == "rprivate" else "1")
        fields = skerry("exec", "c", "grep", " /x ", "/proc/self/mountinfo").stdout
        assert ("shared:" in fields, "master:" in fields) == (mode == "rshared", mode == "rslave")
        skerry("rm", "-f", "-t", "0", "c")
    finally:
        subprocess.run(["umount", "-l", source / "sub"], check=False, capture_output=True)
        subprocess.run(["umount", "-l", source], check=True)


def test_what_is_mounted_below_comes_along_unless_it_shall_not(
    skerry: Skerry, busybox: str, mounted_below: Path
) -> None:
    assert "tmpfs" in line_of(skerry, "/x/tmpfs", "-v", f"{mounted_below}:/x", busybox)
    flag = f"type=bind,src={mounted_below},dst=/x,bind-nonrecursive"
    assert skerry(*RUN, "--mount", flag, busybox, "grep", "-c", "/x/tmpfs", "/proc/mounts", check=False).stdout == "0\n"


def test_read_only_reaches_what_is_mounted_below_when_asked(skerry: Skerry, busybox: str, mounted_below: Path) -> None:
    plain = (*RUN, "-v", f"{mounted_below}:/x:ro", busybox, "touch", "/x/tmpfs/y")
    assert skerry(*plain).code == 0
    deep = (*RUN, "--mount", f"type=bind,src={mounted_below},dst=/x,ro=recursive", busybox, "touch", "/x/tmpfs/z")
    assert "Read-only file system" in skerry(*deep, check=False).stderr


def test_chown_changes_a_tree_once(skerry: Skerry, busybox: str, source: Path) -> None:
    flags = ("--user", "12:34", "-v", f"{source}:/x:U", busybox)
    assert skerry(*RUN, *flags, "stat", "-c", "%u:%g", "/x", "/x/sub/deep").stdout == "12:34\n12:34\n"
    os.chown(source / "file", 56, 78)
    assert skerry(*RUN, *flags, "stat", "-c", "%u:%g", "/x", "/x/file").stdout == "12:34\n56:78\n"


@pytest.mark.parametrize("path", ["/", "/etc", "/usr", "/tmp/.."])
def test_chown_of_the_host_s_folders_is_refused(skerry: Skerry, busybox: str, path: str) -> None:
    before = os.stat(path).st_uid
    result = skerry(*RUN, "--user", "12", "-v", f"{path}:/x:U", busybox, "true", check=False)
    assert result.code == 126
    assert "is not allowed. You can manually `chown -R 12:0" in result.stderr
    assert os.stat(path).st_uid == before


def test_idmap_shows_the_host_s_owners_to_other_ids(skerry: Skerry, busybox: str, source: Path) -> None:
    os.chown(source / "file", 5, 6)
    stat = ("stat", "-c", "%u:%g", "/x/file")
    flags = ("--uidmap", "0:100000:5000", "-v")
    assert skerry(*RUN, *flags, f"{source}:/x", busybox, *stat).stdout == "65534:65534\n"
    assert skerry(*RUN, *flags, f"{source}:/x:idmap", busybox, *stat).stdout == "5:6\n"
    assert skerry(*RUN, "-v", f"{source}:/x:idmap=uids=5-7-1;gids=6-8-1", busybox, *stat).stdout == "7:8\n"
    skerry(*RUN, *flags, f"{source}:/x:idmap", busybox, "touch", "/x/made")
    assert os.stat(source / "made").st_uid == 0
    skerry(*RUN, *flags, "data:/x:idmap", busybox, "touch", "/x/made")
    assert os.stat(skerry.top / "vol/data/_data/made").st_uid == 0


# Memory


def test_memory_file_systems(skerry: Skerry, busybox: str) -> None:
    tmpfs = line_of(skerry, "/x", "--mount", "type=tmpfs,dst=/x,tmpfs-size=1m,tmpfs-mode=0700,ro,noatime", busybox)
    assert tmpfs.split()[3] == "ro,nosuid,nodev,noatime,size=1024k,mode=700"
    assert line_of(skerry, "/x", "--mount", "type=ramfs,dst=/x", busybox).split()[2] == "ramfs"
    assert "max=10" in line_of(skerry, "/x", "--mount", "type=devpts,dst=/x,uid=5,max=10", busybox)
    owned = line_of(skerry, "/x", "--user", "5:6", "--mount", "type=tmpfs,dst=/x,U", busybox)
    assert "uid=5,gid=6" in owned
    assert "passwd" in skerry(*RUN, "--tmpfs", "/etc", busybox, "ls", "/etc").lines
    assert "passwd" not in skerry(*RUN, "--mount", "type=tmpfs,dst=/etc,notmpcopyup", busybox, "ls", "/etc").lines


# Filling volumes


def test_a_new_volume_gets_all_that_the_image_has_there(skerry: Skerry, busybox: str) -> None:
    script = (
        "mkdir -p /d/sub; echo a > /d/file; chown 1:2 /d/file; chmod 4751 /d/file; ln /d/file /d/hard; "
        "ln -s /etc/passwd /d/link; mkfifo /d/fifo; chown 3:4 /d; chmod 1770 /d; touch -d @1000 /d/sub"
    )
    other = image(skerry, busybox, script)
    look = "cd /d; stat -c '%n %u:%g %a %h' . file hard; readlink link; stat -c '%F %Y' fifo sub | head -3"
    there = skerry(*RUN, other, "sh", "-c", look).stdout
    assert "file 1:2 4751 2" in there
    assert skerry(*RUN, "-v", "data:/d", other, "sh", "-c", look).stdout == there
    assert skerry(*RUN, "-v", "empty:/d:nocopy", other, "ls", "/d").stdout == ""
    skerry("volume", "create", "-o", "nocopy=", "never")
    assert skerry(*RUN, "-v", "never:/d", other, "ls", "/d").stdout == ""


def test_filling_a_volume_follows_no_link_that_another_container_put_there(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    other = image(skerry, busybox, "mkdir -p /d/sub; echo evil > /d/sub/planted; echo evil > /d/file")
    (tmp_path / "mine").write_text("mine")
    # As a start that was killed half-way leaves it, with links in the places that come next.
    skerry("volume", "create", "data")
    volume = Path(skerry.top) / "vol/data"
    (volume / ".copying").touch()
    (volume / "_data/sub").symlink_to(tmp_path)
    (volume / "_data/file").symlink_to(tmp_path / "mine")
    skerry(*RUN, "-v", "data:/d", other, "true")
    assert os.listdir(tmp_path) == ["mine"]
    assert (tmp_path / "mine").read_text() == "mine"
    assert (volume / "_data/sub/planted").read_text() == "evil\n"


def test_a_volume_is_filled_through_the_image_s_links_but_not_from_the_host(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("host")
    other = image(
        skerry, busybox, f"ln -s ../../../../../..{tmp_path} /out; mkdir /real; touch /real/in; ln -s real /in"
    )
    assert skerry(*RUN, "-v", "a:/in", other, "ls", "/in").stdout == "in\n"
    result = skerry(*RUN, "-v", "b:/out", other, "ls", "/out", check=False)
    assert "secret" not in result.stdout
    assert os.listdir(skerry.top / "vol/b/_data") == []


# The image's VOLUMEs


def test_an_image_s_volumes_are_anonymous_tmpfs_or_ignored(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    other = image(skerry, busybox, "mkdir /v; touch /v/file", "VOLUME /v")
    look = (other, "sh", "-c", "stat -f -c %T /v; ls /v")
    assert skerry(*RUN, *look).stdout.endswith("file\n")
    assert skerry("volume", "ls", "-q").stdout == "", "it goes with its container"
    assert skerry(*RUN, "--image-volume", "tmpfs", *look).stdout == "tmpfs\nfile\n"
    assert (
        skerry(*RUN, "--image-volume", "ignore", other, "grep", "-c", " /v ", "/proc/mounts", check=False).stdout
        == "0\n"
    )
    (tmp_path / "conf").write_text('[engine]\nimage_volume_mode="tmpfs"\n')
    env = {"CONTAINERS_CONF": str(tmp_path / "conf")}
    assert skerry(*RUN, *look, env=env).stdout.startswith("tmpfs\n")
    assert skerry(*RUN, "--image-volume", "anonymous", *look, env=env).stdout.startswith("tmpfs") is False
    result = skerry(*RUN, "--image-volume", "foo", *look, check=False)
    assert 'invalid image volume mode "foo" required value: anonymous, tmpfs, ignore' in result.stderr


@pytest.mark.parametrize(
    ("script", "place"), [("true", "/proc"), ("true", "/proc/sys"), ("ln -s /proc /link", "/link")]
)
def test_an_image_s_volume_does_not_cover_proc(skerry: Skerry, busybox: str, script: str, place: str) -> None:
    other = image(skerry, busybox, script, f"VOLUME {place}")
    result = skerry(*RUN, other, "true", check=False)
    assert result.code in (125, 126)
    assert "/proc" in result.stderr
    assert skerry("volume", "ls", "-q").stdout == ""
    assert skerry(*RUN, "--image-volume=ignore", other, "true").code == 0


def test_an_image_s_link_does_not_lead_a_mount_over_proc(skerry: Skerry, busybox: str, source: Path) -> None:
    other = image(skerry, busybox, "ln -s /proc /data; ln -s /proc/self /self")
    for place in ("/data", "/data/x", "/self/attr"):
        result = skerry(*RUN, "-v", f"{source}:{place}", other, "true", check=False)
        assert result.code == 126
        assert "nothing is mounted there through a link" in result.stderr


@pytest.mark.parametrize("folder", ["/out/made", "/up/../../made"])
def test_an_image_s_working_directory_is_made_inside(skerry: Skerry, busybox: str, tmp_path: Path, folder: str) -> None:
    other = image(skerry, busybox, f"ln -s ../../../../../..{tmp_path} /out; ln -s .. /up", f"WORKDIR {folder}")
    skerry(*RUN, other, "true", check=False)
    assert os.listdir(tmp_path) == []


# Of other containers, and what is shown


def test_volumes_from_takes_volumes_and_binds_with_its_own_words(skerry: Skerry, busybox: str, source: Path) -> None:
    flags = ("-v", "data:/data", "-v", f"{source}:/src:ro", "--tmpfs", "/t", "-v", "/anonymous")
    skerry("create", "--name", "c", *flags, busybox)
    look = (
        busybox,
        "sh",
        "-c",
        "grep -E ' /(data|src|t|anonymous) ' /proc/mounts | cut -d' ' -f2,4 | cut -d, -f1 | sort",
    )
    assert skerry(*RUN, "--volumes-from", "c", *look).stdout == "/anonymous rw\n/data rw\n/src ro\n"
    assert skerry(*RUN, "--volumes-from", "c:ro,z", *look).stdout == "/anonymous ro\n/data ro\n/src ro\n"
    assert skerry(*RUN, "--volumes-from", "c:rw", *look).stdout == "/anonymous rw\n/data rw\n/src rw\n"
    assert len(skerry("volume", "ls", "-q").lines) == 2, "the anonymous one stays its maker's"
    skerry("create", "--name", "d", "--volumes-from", "c:ro", busybox)
    assert skerry("inspect", "d", "-f", "{{.HostConfig.VolumesFrom}}").stdout == "[c:ro]\n"
    for name, said in (
        ("nosuch", 'looking up container "nosuch" for volumes-from: no container with name or ID "nosuch" found'),
        ("c:ro,rw", "cannot set ro or rw options more than once"),
        ("c:Z", 'invalid option "Z" specified - volumes from another container can only use z,ro,rw options'),
    ):
        assert said in skerry(*RUN, "--volumes-from", name, busybox, "true", check=False).stderr


def test_inspect_shows_mounts_as_podman_does(skerry: Skerry, busybox: str, source: Path) -> None:
    skerry(
        "create", "--name", "c", "-v", "data:/d:ro,z,U", "-v", f"{source}:/s:rshared,noexec", "--mount",
        f"type=image,src={busybox},dst=/i,rw=true,subpath=/etc", "--mount", "type=volume,src=data,dst=/p,subpath=sub",
        "--tmpfs", "/t:size=5m", busybox,
    )  # fmt: skip
    found = {
        mount["Destination"]: mount for mount in json.loads(skerry("inspect", "c", "-f", "{{json .Mounts}}").stdout)
    }
    volume = f"{skerry.top}/vol/data/_data"
    assert found == {
        "/d": {
            "Type": "volume", "Name": "data", "Source": volume, "Destination": "/d", "Driver": "local", "Mode": "z",
            "Options": ["U", "nosuid", "nodev", "rbind"], "RW": False, "Propagation": "rprivate",
        },
        "/s": {
            "Type": "bind", "Source": str(source), "Destination": "/s", "Driver": "", "Mode": "",
            "Options": ["noexec", "rbind"], "RW": True, "Propagation": "rshared",
        },
        "/i": {
            "Type": "image", "Source": busybox, "Destination": "/i", "Driver": "", "Mode": "", "Options": None,
            "RW": True, "Propagation": "", "SubPath": "/etc",
        },
        "/p": {
            "Type": "volume", "Name": "data", "Source": volume, "Destination": "/p", "Driver": "local", "Mode": "",
            "Options": ["nosuid", "nodev", "rbind"], "RW": True, "Propagation": "rprivate", "SubPath": "sub",
        },
    }  # fmt: skip
    host = json.loads(skerry("inspect", "c", "-f", "{{json .HostConfig}}").stdout)
    assert sorted(host["Binds"]) == [
        f"{source}:/s:rshared,noexec,rbind", "data:/d:ro,z,U,rprivate,nosuid,nodev,rbind",
        "data:/p:rprivate,nosuid,nodev,rbind",
    ]  # fmt: skip
    assert host["Tmpfs"] == {"/t": "size=5m,rprivate,nosuid,nodev,tmpcopyup"}


def test_the_same_mount_may_be_given_twice(skerry: Skerry, busybox: str, source: Path) -> None:
    for twice in (["-v", f"{source}:/x"] * 2, ["-v", "data:/x"] * 2, ["--tmpfs", "/x"] * 2):
        assert skerry(*RUN, *twice, busybox, "true").code == 0
    for words in (
        ("-v", f"{source}:/x", "-v", f"{source}:/x:ro"), ("-v", "data:/x", "-v", "other:/x"),
        ("--tmpfs", "/x", "--tmpfs", "/x:ro"), ("-v", "data:/x", "--tmpfs", "/x"), ("-v", f"{source}:/x", "-v", "data:/x"),
        ("--mount", "type=tmpfs,dst=/x", "-v", "data:/x"), ("--mount", "dst=/x", "--mount", "dst=/x"),
    ):  # fmt: skip
        result = skerry(*RUN, *words, busybox, "true", check=False)
        assert (result.code, result.stderr) == (125, "Error: /x: duplicate mount destination\n")


def test_a_flag_wins_over_the_configured_mounts(skerry: Skerry, busybox: str, source: Path, tmp_path: Path) -> None:
    conf = f'[containers]\nvolumes=["{source}:/a", "{source}:/b"]\nmounts=["type=tmpfs,destination=/c"]\n'
    (tmp_path / "conf").write_text(conf)
    script = "ls /a /b; stat -f -c %T /b /c"
    out = skerry(*RUN, "--tmpfs", "/b", busybox, "sh", "-c", script, env={"CONTAINERS_CONF": str(tmp_path / "conf")})
    assert out.stdout == "/a:\nfile\nsub\n\n/b:\ntmpfs\ntmpfs\n"


# Root folders


@pytest.fixture
def rootfs(skerry: Skerry, busybox: str, tmp_path: Path) -> Path:
    """An unpacked root file system."""
    skerry("create", "--name", "exported", busybox)
    skerry("export", "-o", tmp_path / "tar", "exported")
    skerry("rm", "exported")
    (tmp_path / "rootfs").mkdir()
    subprocess.run(["tar", "-C", tmp_path / "rootfs", "-xf", tmp_path / "tar"], check=True)
    return tmp_path / "rootfs"


def test_a_root_folder_under_an_overlay_is_left_alone(skerry: Skerry, rootfs: Path) -> None:
    skerry(
        "run",
        "--name",
        "c",
        "--network=none",
        "--rootfs",
        f"{rootfs}:O",
        "sh",
        "-c",
        "ls /new; touch /new",
        check=False,
    )
    assert not (rootfs / "new").exists()
    assert "/new" in skerry("start", "-a", "c").stdout, "its own until it is removed"
    assert skerry("inspect", "c", "-f", "{{.Rootfs}}").stdout == f"{rootfs}\n"
    assert (skerry("cp", "c:/new", "-").raw, skerry("rm", "c").code) != (b"", 1)


def test_a_root_folder_is_seen_through_the_container_s_ids(skerry: Skerry, rootfs: Path) -> None:
    flags = ("--uidmap", "0:100000:5000", "--rootfs", f"{rootfs}:idmap")
    assert skerry(*RUN, *flags, "sh", "-c", "touch /tmp/mine; stat -c %u /bin /tmp/mine").stdout == "0\n0\n"
    assert os.stat(rootfs / "tmp/mine").st_uid == 0
    named = ("--rootfs", f"{rootfs}:idmap=uids=0-5-10;gids=0-7-10")
    assert skerry(*RUN, *named, "stat", "-c", "%u:%g", "/bin").stdout == "5:7\n"
    assert (rootfs / "bin/busybox").exists()
    result = skerry(*RUN, "--rootfs", "/nonexistent:O", "true", check=False)
    assert (
        result.stderr == "Error: running container create option: faccessat /nonexistent: no such file or directory\n"
    )


# Copying into a container that does not run


def test_cp_respects_what_is_read_only(skerry: Skerry, busybox: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    flags = ("-v", f"{source}:/ro:ro", "-v", f"{source}:/rw", "-v", "data:/data:ro")
    skerry("create", "--name", "c", *flags, busybox)
    for place in ("/ro/planted", "/ro/file", "/data/planted"):
        result = skerry("cp", tmp_path / "new", f"c:{place}", check=False)
        assert (result.code, "cannot copy into a read-only mount" in result.stderr) == (125, True)
    assert (source / "file").read_text() == "text"
    skerry("cp", tmp_path / "new", "c:/rw/planted")
    assert (source / "planted").read_text() == "new"


def test_cp_writes_through_no_overlay(skerry: Skerry, busybox: str, source: Path, tmp_path: Path) -> None:
    (tmp_path / "new").write_text("new")
    skerry("create", "--name", "c", "-v", f"{source}:/x:O", busybox)
    assert skerry("cp", tmp_path / "new", "c:/x/planted", check=False).code == 125
    assert not (source / "planted").exists()


def test_cp_reaches_a_mounted_volume_and_a_part_of_one(skerry: Skerry, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "device").mkdir()
    (tmp_path / "device/sub").mkdir()
    skerry("volume", "create", "-o", "type=bind", "-o", f"device={tmp_path}/device", "data")
    skerry("create", "--name", "c", "--mount", "type=volume,src=data,dst=/x,subpath=sub", busybox)
    (tmp_path / "new").write_text("new")
    skerry("cp", tmp_path / "new", "c:/x/new")
    assert (tmp_path / "device/sub/new").read_text() == "new"
    assert f"{skerry.top}/vol/data" not in Path("/proc/self/mountinfo").read_text()


@pytest.mark.parametrize("mount", [("-v", "data:/x:nocreate"), ("--mount", "type=volume,src=data,dst=/x,nocreate")])
def test_nocreate_wants_a_volume_that_is_there(skerry: Skerry, busybox: str, mount: tuple[str, str]) -> None:
    result = skerry(*RUN, *mount, busybox, "true", check=False)
    said = "Error: volume data does not exist and nocreate option is set: no such volume\n"
    assert (result.code, result.stderr) == (125, said)
    assert skerry("volume", "ls", "-q").stdout == skerry("ps", "-aq").stdout == ""
    skerry("volume", "create", "data")
    assert skerry(*RUN, *mount, busybox, "touch", "/x/y").code == 0


def test_an_overlay_may_be_idmapped(skerry: Skerry, busybox: str, source: Path) -> None:
    run = (*RUN, "--uidmap", "0:100000:1000")
    script = "stat -c %u /x/file; echo new > /x/file; cat /x/file"
    assert skerry(*run, "-v", f"{source}:/x:O,idmap", busybox, "sh", "-c", script).stdout == "0\nnew\n"
    assert (source / "file").read_text() == "text"
    stat = (busybox, "stat", "-c", "%u", "/x/file")
    assert skerry(*run, "-v", f"{source}:/x:idmap=true", *stat).stdout == "0\n"
    assert skerry(*run, "-v", f"{source}:/x:idmap=false", *stat).stdout == "65534\n"


def test_the_last_run_s_specification_is_kept(skerry: Skerry, busybox: str) -> None:
    box = skerry("create", "--network=none", "-v", "data:/x:copy", busybox, "true").id
    shown = ("inspect", "--format", "{{.OCIConfigPath}}", box)
    assert skerry(*shown).stdout == "\n"
    skerry("start", "-a", box)
    path = Path(skerry(*shown).stdout.strip())
    assert path.stat().st_mode & 0o777 == 0o600
    mounts = json.loads(path.read_text())["mounts"]
    assert [m["options"] for m in mounts if m["destination"] == "/x"] == [["rprivate", "nosuid", "nodev", "rbind"]]
    skerry("rm", box)
    assert not path.exists()


def test_a_specification_with_a_secret_is_not_kept(skerry: Skerry, busybox: str) -> None:
    skerry("secret", "create", "token", "-", input="hidden")
    skerry("run", "--network=none", "--name", "box", "--secret", "token,type=env", busybox, "true")
    assert skerry("inspect", "--format", "{{.OCIConfigPath}}", "box").stdout == "\n"
