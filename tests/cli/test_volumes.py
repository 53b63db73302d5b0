"""``skerry volume …``: drivers, mounting, tars, pruning, in Podman's words."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.command import Result, Skerry


def one(skerry: Skerry, name: str) -> dict:
    (found,) = json.loads(skerry("volume", "inspect", name).stdout)
    return found


def mounts() -> str:
    return Path("/proc/self/mountinfo").read_text()


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def file_info(name: str, **how: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode = 0o640
    for key, value in how.items():
        setattr(info, key, value)
    return info


# Making


def test_a_new_volume_is_shown_as_podman_shows_it(skerry: Skerry) -> None:
    skerry("volume", "create", "-l", "a=b", "plain")
    found = one(skerry, "plain")
    path = f"{skerry.top}/vol/plain/_data"
    assert found.pop("CreatedAt").startswith("20")
    assert found == {
        "Name": "plain", "Driver": "local", "Mountpoint": path, "Labels": {"a": "b"}, "Scope": "local",
        "Options": {}, "MountCount": 0, "NeedsCopyUp": True, "NeedsChown": True, "LockNumber": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "bogus=1", "v"), "invalid mount option bogus for driver 'local': invalid argument"),
        (
            ("-o", "type=bind", "-o", "device=/nonexistent", "v"),
            "invalid volume option device for driver 'local': faccessat /nonexistent: no such file or directory",
        ),
        (
            ("-d", "bogus", "v"),
            "volume v uses volume plugin bogus but it could not be retrieved: no volume plugin with name bogus "
            "available: required plugin missing",
        ),
        (("-d", "image", "v"), "must provide an image name when creating a volume with the image driver: invalid argument"),
        (("-d", "image", "-o", "x=y", "v"), "invalid mount option x for driver 'image': invalid argument"),
        (
            ("-d", "image", "-o", "image=nope", "v"),
            "looking up image nope to create volume failed: nope: image not known",
        ),
        (("a/b",), "running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"),
        (("..",), "running volume create option: names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument"),
        (("-l", "=x", "v"), 'unable to process labels: invalid label format: "=x"'),
        (("-o", "o=size=1M", "v"), "volume options size and inodes not supported. Filesystem does not support Project Quota"),
        (("-o", "o=uid=x", "v"), 'cannot convert UID x to integer: strconv.Atoi: parsing "x": invalid syntax'),
        (("-o", "o=uid", "v"), "uid option must provide a UID: invalid argument"),
        (("-o", "o=timeout=-3", "v"), "volume timeout cannot be negative (got -3)"),
        (
            ("-o", "o=timeout=3", "v"),
            "running volume create option: Volume driver timeout can only be used with non-local volume drivers: "
            "invalid argument",
        ),
        (("-o", "type=tmpfs", "-o", "o=inodes=4", "v"), "volume option inodes not supported on tmpfs filesystem"),
        (("-o", "o=nodev", "v"), "volume option o=nodev needs a type or a device to be mounted"),
    ],
)  # fmt: skip
def test_what_a_driver_does_not_know_is_refused(skerry: Skerry, words: tuple[str, ...], said: str) -> None:
    result = skerry("volume", "create", *words, check=False)
    assert (result.code, result.stderr.partition(" (")[0].strip()) == (125, f"Error: {said}".partition(" (")[0])
    assert skerry("volume", "ls", "-q").stdout == ""


def test_a_volume_belongs_to_whom_it_is_made_for(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-o", "o=uid=7,gid=8", "asked")
    skerry("volume", "create", "--uid", "9", "--gid", "10", "flagged")
    for name, uid, gid in (("asked", 7, 8), ("flagged", 9, 10)):
        skerry("run", "--rm", "--network=none", "-v", f"{name}:/etc", busybox, "true")
        status = os.stat(f"{skerry.top}/vol/{name}/_data")
        assert (status.st_uid, status.st_gid) == (uid, gid), "the image's folder took it away"
        assert one(skerry, name)["UID"] == uid
    assert one(skerry, "asked")["Options"] == {"GID": "8", "UID": "7", "o": "uid=7,gid=8"}


def test_a_taken_name_is_told_unless_that_is_fine(skerry: Skerry) -> None:
    skerry("volume", "create", "v")
    result = skerry("volume", "create", "v", check=False)
    assert result.stderr == "Error: volume with name v already exists: volume already exists\n"
    assert skerry("volume", "create", "--ignore", "v").stdout == "v\n"


# Mounting


def test_a_tmpfs_volume_is_mounted_while_somebody_has_it(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=2M,uid=5,gid=6,nodev", "scratch")
    path = f"{skerry.top}/vol/scratch/_data"
    shared = ("-v", "scratch:/x", busybox)
    first = skerry("run", "-d", "--network=none", *shared, "sleep", "100").id
    line = skerry("run", "--rm", "--network=none", *shared, "grep", " /x ", "/proc/mounts").stdout
    assert all(word in line for word in ("tmpfs", "size=2048k", "uid=5,gid=6"))
    assert path in mounts(), "the first still has it"
    assert one(skerry, "scratch")["MountCount"] == 1
    skerry("stop", "-t", "0", first)
    assert path not in mounts()
    assert one(skerry, "scratch")["MountCount"] == 0


def test_volume_mount_counts(skerry: Skerry) -> None:
    skerry("volume", "create", "-o", "type=tmpfs", "v")
    path = skerry("volume", "mount", "v").stdout.strip()
    assert skerry("volume", "mount", "v").stdout.strip() == path
    assert one(skerry, "v")["MountCount"] == 2
    assert skerry("volume", "unmount", "v").stdout == "v\n"
    assert path in mounts()
    skerry("volume", "umount", "v")
    skerry("volume", "unmount", "v")
    assert path not in mounts()
    result = skerry("volume", "mount", "nosuch", check=False)
    assert (result.code, result.stderr) == (125, 'Error: no volume with name "nosuch" found: no such volume\n')


def test_a_plain_volume_needs_no_mount(skerry: Skerry) -> None:
    skerry("volume", "create", "v")
    assert skerry("volume", "mount", "v").stdout.strip() == f"{skerry.top}/vol/v/_data"
    assert one(skerry, "v")["MountCount"] == 0


def test_removing_a_mounted_bind_volume_leaves_the_host_s_folder(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    skerry("volume", "create", "-o", "type=bind", "-o", f"device={tmp_path}", "v")
    path = skerry("volume", "mount", "v").stdout.strip()
    assert (Path(path) / "precious").exists()
    skerry("volume", "rm", "v")
    assert (tmp_path / "precious").read_text() == "data"
    assert path not in mounts()
    assert not os.path.exists(path)


def test_a_reset_leaves_what_is_behind_a_volume(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    skerry("volume", "create", "-o", "type=bind", "-o", f"device={tmp_path}", "v")
    path = skerry("volume", "mount", "v").stdout.strip()
    skerry("system", "reset", "-f")
    assert (tmp_path / "precious").read_text() == "data"
    assert path not in mounts()
    assert not os.path.exists(path)


def test_a_file_system_that_cannot_be_mounted_stops_the_start(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-o", "type=nonsense", "-o", "device=x", "v")
    result = skerry("run", "--rm", "--network=none", "-v", "v:/x", busybox, "true", check=False)
    assert result.code == 125 or result.code == 126
    container = skerry("create", "--network=none", "-v", "v:/x", busybox, "true").id
    result = skerry("start", container, check=False)
    assert f"mounting volume v for container {container}: mount: " in result.stderr
    skerry("rm", container)
    assert skerry("volume", "rm", "v").code == 0


def test_an_image_s_volume_keeps_what_is_written(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-d", "image", "-o", f"image={busybox}", "tree")
    run = ("run", "--rm", "--network=none", "-v", "tree:/x", busybox)
    assert "busybox" in skerry(*run, "ls", "/x/bin").stdout
    skerry(*run, "touch", "/x/new")
    assert "new" in skerry(*run, "ls", "/x").stdout
    assert len(one(skerry, "tree")["StorageID"]) == 64
    result = skerry("rmi", busybox, check=False)
    assert result.code == 2
    assert "image is in use by a volume" in result.stderr
    skerry("volume", "rm", "tree")
    skerry("rmi", busybox)


def test_an_image_that_is_removed_by_force_takes_its_volumes_along(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-d", "image", "-o", f"image={busybox}", "tree")
    skerry("tag", busybox, "other")
    (other,) = skerry("commit", "-q", "--change", "LABEL a=b", skerry("create", busybox).id).lines
    skerry("rm", "-a")
    skerry("create", "-v", "tree:/x", other)
    skerry("rmi", "-f", skerry("images", "-q", "--no-trunc", busybox).stdout.strip())
    assert skerry("ps", "-aq").stdout == skerry("volume", "ls", "-q").stdout == ""


def test_a_volume_is_made_as_the_mount_says(skerry: Skerry, busybox: str) -> None:
    mount = "type=volume,src=v,dst=/x,volume-opt=type=tmpfs,volume-opt=o=size=1m"
    line = skerry("run", "--rm", "--network=none", "--mount", mount, busybox, "grep", " /x ", "/proc/mounts").stdout
    assert all(word in line for word in ("tmpfs", "size=1024k"))
    assert one(skerry, "v")["Options"] == {"SIZE": "1m", "o": "size=1m", "type": "tmpfs"}


# Listing and removing


def test_filters(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-l", "k=v", "one")
    skerry("volume", "create", "-o", "type=tmpfs", "two")
    skerry("create", "--name", "c", "-v", "/anonymous", "-v", "three:/three", busybox)

    def names(*filters: str) -> list[str]:
        words = [word for item in filters for word in ("-f", item)]
        return [name if len(name) < 64 else "?" for name in skerry("volume", "ls", "-q", *words).lines]

    assert sorted(names()) == ["?", "one", "three", "two"]
    assert names("opt=type") == names("opt=type=tmpfs") == ["two"]
    assert names("opt=type=nfs") == []
    assert names("anonymous=true") == ["?"]
    assert sorted(names("dangling=true")) == ["one", "two"]
    assert names("label=k", "label=k=v") == ["one"]
    assert (
        sorted(names("after=one", "anonymous=false")) == sorted(names("since=one", "anonymous=0")) == ["three", "two"]
    )
    assert names("until=1h") == []
    assert names("scope=global") == []
    assert sorted(names("driver=local", "scope=local")) == ["?", "one", "three", "two"]
    for item, said in (
        ("foo=bar", '"foo" is an invalid volume filter'),
        ("dangling=x", '"x" is not a valid value for the "dangling" filter - must be true or false'),
        ("after=nosuch", 'no volume with name "nosuch" found: no such volume'),
    ):
        result = skerry("volume", "ls", "-f", item, check=False)
        assert result.code == 125
        assert said in result.stderr


def test_prune_leaves_named_volumes_unless_all_are_meant(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "named")
    skerry("volume", "create", "-l", "keep", "kept")
    container = skerry("create", "-v", "/x", busybox).id
    skerry("rm", container)  # without -v its anonymous volume stays
    (anonymous,) = skerry("volume", "ls", "-q", "-f", "anonymous=true").lines
    heading = "Volumes that would be pruned:"
    assert skerry("volume", "prune", "--dry-run").lines == [heading, anonymous]
    assert skerry("volume", "prune", "-f").lines == [anonymous]
    assert skerry("volume", "prune", "-a", "--dry-run").lines == [heading, "kept", "named"]
    # Filters choose among all, as Podman's do; but who is asked is asked about those without a name.
    assert skerry("volume", "prune", "--dry-run", "--filter", "since=named").lines == [heading, "kept"]
    assert skerry("volume", "prune", "-f", "--filter", "all=false", "--filter", "label!=keep").lines == []
    asked = skerry("volume", "prune", "--filter", "label=keep", input="y\n").lines
    assert asked[1] == "No dangling anonymous volumes found"
    assert skerry("volume", "prune", "-a", "--dry-run", "--filter", "since=named").lines == [heading, "kept"]
    asked = skerry("volume", "prune", "-a", "--filter", "label=ke*", input="n\n").lines
    assert asked[0].startswith("WARNING! This will remove all volumes not used by at least one container.")
    assert asked[1] == "kept"
    assert skerry("volume", "prune", "-f", "--filter", "label!=keep").lines == ["named"]
    for flags, said in (
        (("-f", "--dry-run"), "--force and --dry-run cannot be used together"),
        (("-a", "--filter", "all=true"), "--all and --filter all cannot be used together"),
    ):
        assert said in skerry("volume", "prune", *flags, check=False).stderr
    warning, found = skerry("volume", "prune", input="y\n").lines
    assert warning.startswith("WARNING! This will remove anonymous local volumes not used by at least one container.")
    assert found == "No dangling anonymous volumes found"
    unnamed = skerry("volume", "create").stdout.strip()
    assert skerry("volume", "prune", "-f").lines == [unnamed]
    asked = skerry("volume", "prune", "--filter", "all=true", input="n\n").stdout
    assert "kept\nAre you sure you want to continue? [y/N]" in asked
    assert skerry("volume", "ls", "-q").lines == ["kept"]
    assert (
        '"driver" is an invalid volume filter'
        in skerry("volume", "prune", "--filter", "driver=local", check=False).stderr
    )


def test_rm_words_and_codes(skerry: Skerry, busybox: str) -> None:
    result = skerry("volume", "rm", "nosuch", check=False)
    assert (result.code, result.stderr) == (1, 'Error: no volume with name "nosuch" found: no such volume\n')
    assert skerry("volume", "rm", "-f", "nosuch").code == 0
    assert (
        "--force option must be specified to use the --time option"
        in skerry("volume", "rm", "-t", "5", "x", check=False).stderr
    )
    assert "choose either one or more volumes or all" in skerry("volume", "rm", check=False).stderr
    container = skerry("run", "-d", "--network=none", "-v", "v:/x", busybox, "sleep", "100").id
    result = skerry("volume", "rm", "v", check=False)
    assert result.code == 2
    assert (
        result.stderr
        == f"Error: volume v is being used by the following container(s): {container}: volume is being used\n"
    )
    assert skerry("volume", "rm", "-f", "-t", "0", "v").stdout == "v\n"
    assert skerry("ps", "-aq").stdout == ""


def test_a_prune_takes_no_volume_from_a_container_that_is_being_made(skerry: Skerry, busybox: str) -> None:
    """It looks unused until the container is recorded."""
    running = [skerry.popen("volume", "prune", "-a", "-f") for _ in range(2)]
    made = 0
    while made < 12:
        created = skerry("create", "--name", f"c{made}", "-v", "/a", "-v", f"v{made}:/v", busybox)
        made += 1
        names = skerry("inspect", created.id, "-f", "{{range .Mounts}}{{.Name}} {{end}}").stdout.split()
        for name in names:
            assert skerry("volume", "exists", name, check=False).code == 0
        for place, process in enumerate(running):
            if process.poll() is not None:
                process.communicate()
                running[place] = skerry.popen("volume", "prune", "-a", "-f")
    for process in running:
        process.communicate()
    skerry("rm", "-fa", "-v")


# Tars


def test_export_and_import_carry_everything(skerry: Skerry, tmp_path: Path) -> None:
    skerry("volume", "create", "a")
    data = Path(skerry.top) / "vol/a/_data"
    (data / "folder").mkdir(mode=0o750)
    (data / "folder/file").write_text("text")
    os.chown(data / "folder/file", 12, 34)
    os.setxattr(data / "folder/file", "user.note", b"kept")
    (data / "link").symlink_to("/etc/passwd")
    os.link(data / "folder/file", data / "hard")
    skerry("volume", "export", "a", "-o", tmp_path / "a.tar")
    piped = skerry("volume", "export", "a").raw
    assert sorted(tarfile.open(fileobj=io.BytesIO(piped)).getnames()) == sorted(
        tarfile.open(tmp_path / "a.tar").getnames()
    )
    for name, source in (("b", str(tmp_path / "a.tar")), ("c", "-")):
        skerry("volume", "create", name)
        skerry("volume", "import", name, source, input=piped)
        copy = Path(skerry.top) / f"vol/{name}/_data"
        status = os.stat(copy / "folder/file")
        assert ((copy / "folder/file").read_text(), status.st_uid, status.st_gid, status.st_nlink) == (
            "text",
            12,
            34,
            2,
        )
        assert os.getxattr(copy / "folder/file", "user.note") == b"kept"
        assert os.readlink(copy / "link") == "/etc/passwd"
        assert os.stat(copy / "folder").st_mode & 0o777 == 0o750


def test_import_mounts_what_needs_it(skerry: Skerry) -> None:
    skerry("volume", "create", "-o", "type=tmpfs", "v")
    path = Path(skerry("volume", "mount", "v").stdout.strip())
    skerry("volume", "import", "v", "-", input=tar_of((file_info("f"), b"in memory")))
    assert (path / "f").read_bytes() == b"in memory"
    assert b"in memory" in skerry("volume", "export", "v").raw
    skerry("volume", "unmount", "v")
    assert str(path) not in mounts()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("/nonexistent", "unable open input file: open /nonexistent: no such file or directory"),
        ("https://x/y.tar", "invalid filename (should not contain ':') \"https://x/y.tar\""),
        ("-", "extracting into volume v: not a tar archive, plain or compressed"),
    ],
)
def test_what_cannot_be_imported_is_told(skerry: Skerry, source: str, said: str) -> None:
    skerry("volume", "create", "v")
    result = skerry("volume", "import", "v", source, input="garbage", check=False)
    assert (result.code, result.stderr) == (125, f"Error: {said}\n")


def test_export_to_a_terminal_is_refused(skerry: Skerry, pty_run) -> None:  # type: ignore[no-untyped-def]
    skerry("volume", "create", "v")
    assert "cannot write to terminal" in pty_run([*skerry.argv, "volume", "export", "v"])


def test_a_hostile_tar_stays_in_the_volume(skerry: Skerry, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "there").write_text("mine")
    skerry("volume", "create", "v")
    tar = tar_of(
        (file_info("out", type=tarfile.SYMTYPE, linkname=str(outside)), b""),
        (file_info("out/planted"), b"evil"),
        (file_info("up", type=tarfile.SYMTYPE, linkname="../../../.."), b""),
        (file_info(f"up{outside}/planted"), b"evil"),
        (file_info("/absolute"), b"inside"),
    )
    skerry("volume", "import", "v", "-", input=tar, check=False)
    assert sorted(os.listdir(outside)) == ["there"]
    for name in ("../../escaped", "a/../../../escaped"):
        result = skerry("volume", "import", "v", "-", input=tar_of((file_info(name), b"evil")), check=False)
        assert result.code == 125
        assert "leads out of it" in result.stderr
    linked = tar_of((file_info("hard", type=tarfile.LNKTYPE, linkname="../../../../etc/passwd"), b""))
    assert skerry("volume", "import", "v", "-", input=linked, check=False).code == 125


def test_an_export_does_not_follow_a_volume_that_became_a_link(skerry: Skerry, tmp_path: Path) -> None:
    skerry("volume", "create", "v")
    data = Path(skerry.top) / "vol/v/_data"
    data.rmdir()
    data.symlink_to("/etc")
    result = skerry("volume", "export", "v", check=False)
    assert result.code == 125
    assert b"passwd" not in result.raw
    data.unlink()
    data.mkdir()


def test_labels_are_one_text_in_a_list(skerry: Skerry) -> None:
    skerry("volume", "create", "-l", "b=2", "-l", "a=1", "v")
    assert skerry("volume", "ls", "--format", "{{.Labels}}").stdout == "a=1,b=2\n"
    assert skerry("volume", "ls", "--format", "{{json .Labels}}").stdout == '"a=1,b=2"\n'
    assert json.loads(skerry("volume", "ls", "--format", "json").stdout)[0]["Labels"] == {"a": "1", "b": "2"}
    assert "cannot be used together" in skerry("volume", "ls", "-q", "--format", "json", check=False).stderr


def test_an_empty_volume_is_given_to_each_next_user_until_the_image_owns_it(skerry: Skerry, busybox: str) -> None:
    def after(*words: str) -> str:
        skerry("run", "--rm", "--network=none", *words, busybox, "true")
        status = os.stat(f"{skerry.top}/vol/v/_data")
        flags = skerry("volume", "inspect", "v", "-f", "{{.NeedsChown}} {{.NeedsCopyUp}}").stdout.strip()
        return f"{status.st_uid}:{status.st_gid} {flags}"

    assert after("--user", "5:6", "-v", "v:/new") == "5:6 true true"
    assert after("--user", "7:8", "-v", "v:/new") == "7:8 true true"
    assert after("--user", "7:8", "-v", "v:/tmp") == "0:0 false true"
    assert after("--user", "9:9", "-v", "v:/new") == "0:0 false true"


def test_events_tell_of_volumes(skerry: Skerry) -> None:
    skerry("volume", "create", "v")
    skerry("volume", "rm", "v")
    skerry("volume", "create", "w")
    skerry("volume", "prune", "-a", "-f")
    told = skerry(
        "events", "--stream=false", "--since", "1m", "--filter", "type=volume", "--format", "{{.Status}} {{.Name}}"
    )
    assert told.lines == ["create v", "remove v", "create w", "remove w", "prune w"]


def test_inspect_tells_whose_a_volume_is(skerry: Skerry, busybox: str) -> None:
    for user, owner in (("1000", "1000 0"), ("1000:1000", "1000 1000"), ("0:0", "0 0")):
        name = f"v{user.replace(':', '-')}"
        skerry("run", "--rm", "--network=none", "--user", user, "-v", f"{name}:/home/user", busybox, "true")
        assert skerry("volume", "inspect", "-f", "{{.UID}} {{.GID}}", name).stdout.strip() == owner


def test_a_volume_takes_the_time_of_the_folder_that_it_covers(skerry: Skerry, busybox: str) -> None:
    words = ("run", "--rm", "--network=none", "-v", "v:/bin")
    assert skerry(*words, busybox, "stat", "-c", "%a %Y", "/bin").stdout == (
        skerry("run", "--rm", "--network=none", busybox, "stat", "-c", "%a %Y", "/bin").stdout
    )


@pytest.fixture(params=["ext4 -O quota,project", "xfs"])
def with_project_quotas(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system that limits projects."""
    image, top = tmp_path / "image", tmp_path / "limited"
    image.touch()
    os.truncate(image, 400 << 20)
    top.mkdir()
    for words in (
        [f"mkfs.{request.param.split()[0]}", "-q", *request.param.split()[1:]],
        ["mount", "-o", "loop,prjquota"],
    ):
        if not shutil.which(words[0]) or subprocess.run([*words, image, *[top] * (words[0] == "mount")]).returncode:
            pytest.skip(f"no {request.param} with project quotas can be mounted here")
    yield top
    subprocess.run(["umount", top], check=True)


def test_a_volume_has_no_more_than_its_quotas(skerry: Skerry, busybox: str, with_project_quotas: Path) -> None:
    def limited(*words: str, check: bool = True) -> Result:
        return skerry("--volumepath", str(with_project_quotas), *words, check=check)

    limited("volume", "create", "-o", "o=size=2m", "small")
    limited("volume", "create", "-o", "o=inodes=5", "few")
    script = "dd if=/dev/zero of=/small/big bs=1M count=4; for i in 1 2 3 4 5 6; do echo >/few/$i; done"
    full = limited("run", "--rm", "-v", "small:/small", "-v", "few:/few", busybox, "sh", "-c", script, check=False)
    assert full.code != 0
    assert (with_project_quotas / "small/_data/big").stat().st_size < 2 << 20
    assert len(os.listdir(with_project_quotas / "few/_data")) < 5
    limited("volume", "rm", "small", "few")
    limited("volume", "create", "wide")
    limited("run", "--rm", "-v", "wide:/wide", busybox, "dd", "if=/dev/zero", "of=/wide/big", "bs=1M", "count=4")


def test_a_volume_that_somebody_else_unmounted_is_missed(skerry: Skerry, busybox: str) -> None:
    skerry("volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "v")
    place = skerry("volume", "mount", "v").stdout.strip()
    subprocess.run(["umount", place], check=True)
    refused = skerry("volume", "mount", "v", check=False)
    assert (refused.code, refused.stderr) == (
        125,
        f"Error: volume v is expected to be mounted, but mountpoint {place} is not mounted (mount count: 1)\n",
    )
    # A container has it mounted again, and `unmount` forgets what is missed.
    assert skerry("run", "--rm", "-v", "v:/v", busybox, "stat", "-f", "-c", "%T", "/v").stdout == "tmpfs\n"
    skerry("volume", "unmount", "v")
    assert skerry("volume", "mount", "v").stdout.strip() == place
    skerry("volume", "unmount", "v")


def test_an_imported_volume_gets_its_folder_s_owner_from_its_first_user(skerry: Skerry, busybox: str) -> None:
    context = skerry.top / "context"
    context.mkdir()
    (context / "Containerfile").write_text(
        f"FROM {busybox}\nRUN mkdir /x && chown 70:71 /x && chmod 750 /x && echo a > /x/a\n"
    )
    image = skerry("build", "-q", str(context)).stdout.strip()
    run = ("run", "--rm", "--network=none")
    skerry(*run, "-v", "first:/x", image, "true")
    skerry("volume", "export", "first", "-o", str(skerry.top / "files.tar"))
    skerry("volume", "create", "second")
    skerry("volume", "import", "second", str(skerry.top / "files.tar"))
    assert skerry(*run, "-v", "second:/x", image, "stat", "-c", "%u:%g %a", "/x").stdout == "70:71 750\n"
    assert skerry(*run, "-v", "second:/x", image, "cat", "/x/a").stdout == "a\n"
    # And from nobody later.
    skerry("volume", "import", "second", str(skerry.top / "files.tar"))
    assert (
        skerry(*run, "-v", "second:/bin/none", busybox, "stat", "-c", "%u:%g %a", "/bin/none").stdout == "70:71 750\n"
    )
