"""``skerry cp``: where files go, whose they are, and that nothing leads out of the container."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture(params=["running", "stopped"])
def box(request: pytest.FixtureRequest, skerry: Skerry, busybox: str) -> str:
    """A container with a user, a working directory and a volume."""
    flags = ("--user", "5:6", "-w", "/home", "-v", "data:/data", "--name", "box")
    if request.param == "running":
        skerry("run", "-d", *flags, busybox, "sleep", "600")
    else:
        skerry("create", *flags, busybox, "sleep", "600")
    return "box"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "d/s").mkdir(parents=True)
    (tmp_path / "a").write_text("a\n")
    (tmp_path / "d/x").write_text("x\n")
    (tmp_path / "d/s/y").write_text("y\n")
    (tmp_path / "d/l").symlink_to("x")
    return tmp_path


def listing(skerry: Skerry, box: str, path: str) -> dict[str, tarfile.TarInfo]:
    """What is at a path in the container, by cp itself."""
    raw = skerry("cp", f"{box}:{path}", "-").raw
    with tarfile.open(fileobj=io.BytesIO(raw)) as tar:
        return {member.name: member for member in tar}


@pytest.mark.parametrize(
    ("source", "dest", "seen"),
    [
        ("a", "/", "/a"),
        ("a", "/tmp", "/tmp/a"),
        ("a", "/tmp/", "/tmp/a"),
        ("a", "/tmp/new", "/tmp/new"),
        ("a", ".", "/home/a"),
        ("a", "new", "/home/new"),
        ("a", "/data/", "/data/a"),
        ("d", "/new", "/new/s/y"),
        ("d", "/tmp", "/tmp/d/s/y"),
        ("d/.", "/tmp", "/tmp/s/y"),
        ("d/.", "/new", "/new/s/y"),
    ],
)
def test_where_it_goes(skerry: Skerry, box: str, here: Path, source: str, dest: str, seen: str) -> None:
    skerry("cp", f"{here}/{source}", f"{box}:{dest}")
    (member,) = listing(skerry, box, seen).values()
    assert (member.uid, member.gid) == (5, 6)


def test_a_folder_that_is_copied_into_stays_as_it_is(skerry: Skerry, box: str, here: Path) -> None:
    skerry("cp", f"{here}/d/.", f"{box}:/tmp")
    top = listing(skerry, box, "/tmp")["tmp"]
    assert (top.uid, top.mode) == (0, 0o1777)


def test_out_again_it_is_ours(skerry: Skerry, box: str, here: Path) -> None:
    skerry("cp", f"{here}/d", f"{box}:/new")
    skerry("cp", f"{box}:/new", here / "out")
    assert (here / "out/s/y").read_text() == "y\n"
    assert os.readlink(here / "out/l") == "x"
    assert (here / "out/x").stat().st_uid == os.geteuid()
    skerry("cp", f"{box}:/new/x", f"{box}:/new/s", here)
    assert (here / "s/y").exists()
    skerry("cp", "-a=false", f"{box}:/new/x", here / "theirs")
    assert (here / "theirs").stat().st_uid == 5


def test_several_sources_and_a_name_that_looks_like_a_pattern(skerry: Skerry, box: str, here: Path) -> None:
    out = here / "out"
    out.mkdir()
    (here / "p*").write_text("")
    skerry("cp", here / "p*", f"{box}:/etc")
    skerry("cp", f"{box}:/etc/p*", f"{box}:/etc/group", out)
    assert sorted(os.listdir(out)) == ["group", "p*"]
    refused = skerry("cp", f"{box}:/etc/gro*", out, check=False)
    assert (refused.code, refused.stderr) == (
        125, f'Error: "/etc/gro*" could not be found on container {box}: no such file or directory\n'
    )  # fmt: skip


def test_a_tar_in_and_out(skerry: Skerry, box: str, here: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(here / "d", "d")
    skerry("cp", "-", f"{box}:/tmp", input=packed.getvalue())
    assert set(listing(skerry, box, "/tmp/d")) == {"d", "d/l", "d/s", "d/s/y", "d/x"}


def test_between_containers(skerry: Skerry, box: str, busybox: str, here: Path) -> None:
    skerry("create", "--name", "other", "--user", "7", busybox)
    skerry("cp", f"{here}/d", f"{box}:/new")
    skerry("cp", f"{box}:/new", "other:/there")
    assert {member.uid for member in listing(skerry, "other", "/there").values()} == {7}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("{here}/nope", "box:/tmp"), 'nope" could not be found on the host: no such file or directory'),
        (("{here}/a", "box:/nope/"), '"/nope/" could not be found on container box: no such file or directory'),
        (("{here}/a", "box:/nope/x"), '"/nope/x" could not be found on container box: no such file or directory'),
        (("box:/nope", "{here}"), '"/nope" could not be found on container box: no such file or directory'),
        (("{here}/d", "box:/etc/passwd"), "destination must be a directory when copying a directory"),
        (("{here}/a", "{here}/b"), "must specify at least one container source or destination"),
        (("{here}/a", "nobox:/"), 'container "nobox" does not exist'),
        (("-", "box:/tmp"), "source must be a (compressed) tar archive when copying from stdin"),
        (("-", "box:/etc/passwd"), ""),
        (("/dev/stdin", "box:/tmp"), "source must be a (compressed) tar archive when copying from stdin"),
        (("-", "box:/nope"), "destination must be a directory when copying from stdin"),
        (("box:/etc/passwd", "/dev/null"), 'invalid destination: "/dev/null" must be a directory or a regular file'),
    ],
)
def test_mistakes(skerry: Skerry, box: str, here: Path, argv: tuple[str, ...], words: str) -> None:
    result = skerry("cp", *(word.format(here=here) for word in argv), check=False, input=b"no tar")
    assert result.code == 125
    assert words in result.stderr


def test_overwrite_lets_a_file_replace_a_folder(skerry: Skerry, box: str, here: Path) -> None:
    skerry("cp", f"{here}/d", f"{box}:/tmp/d")
    (here / "e").mkdir()
    (here / "e/s").write_text("file")
    refused = skerry("cp", f"{here}/e/.", f"{box}:/tmp/d", check=False)
    assert refused.code == 125
    assert 'error creating "/tmp/d/s": open /tmp/d/s: file exists' in refused.stderr
    skerry("cp", "--overwrite", f"{here}/e/.", f"{box}:/tmp/d")
    assert listing(skerry, box, "/tmp/d/s")["s"].isfile()


def test_on_the_host_what_is_in_the_way_is_named_from_the_folder_on(skerry: Skerry, box: str, here: Path) -> None:
    (here / "out/passwd").mkdir(parents=True)
    refused = skerry("cp", f"{box}:/etc/passwd", here / "out", check=False)
    assert f'error creating "/passwd": open {here}/out/passwd: file exists' in refused.stderr


@pytest.mark.parametrize("target", ["/etc", "../../../../../../etc", "/proc/self/root/etc"])
def test_links_in_the_container_lead_nowhere_outside(skerry: Skerry, busybox: str, here: Path, target: str) -> None:
    skerry("run", "-d", "--name", "evil", busybox, "sh", "-c", f"ln -s {target} /lnk; sleep 600")
    skerry("exec", "evil", "sh", "-c", "until [ -L /lnk ]; do sleep 0.1; done")
    skerry("cp", f"{here}/a", "evil:/lnk/skerry-was-here", check=False)
    assert not os.path.exists("/etc/skerry-was-here")
    skerry("cp", "evil:/lnk/passwd", here / "got", check=False)
    if (here / "got").exists():
        assert "bin/bash" not in (here / "got").read_text()


@pytest.mark.parametrize("path", ["/d", "/d/sub"])
def test_a_link_that_an_earlier_copy_brought_is_not_followed(
    skerry: Skerry, busybox: str, here: Path, path: str
) -> None:
    (here / "outside").mkdir()
    skerry("run", "-d", "--name", "evil", busybox, "sleep", "600")
    skerry("exec", "evil", "sh", "-c", f"mkdir -p $(dirname {path}); ln -s {here}/outside {path}")
    (here / "out").mkdir()
    if path == "/d":
        (here / "out/d").symlink_to(here / "outside")
    else:
        skerry("cp", "evil:/d", here / "out")
    assert (here / f"out{path}").is_symlink()
    skerry("exec", "evil", "sh", "-c", f"rm {path}; mkdir -p {path}; echo owned >{path}/f")
    result = skerry("cp", "evil:/d", here / "out", check=False)
    assert result.code == 125
    assert "file exists" in result.stderr
    assert not (here / "outside/f").exists()
    skerry("cp", "--overwrite", "evil:/d", here / "out")
    assert (here / f"out{path}/f").read_text() == "owned\n"
    assert not (here / "outside/f").exists()


def test_the_root_of_a_running_container(skerry: Skerry, busybox: str, here: Path) -> None:
    skerry("run", "-d", "--name", "box", busybox, "sh", "-c", "echo x >/made; sleep 600")
    skerry("cp", "box:/", here / "whole")
    assert (here / "whole/made").read_text() == "x\n"
    assert not {"proc", "sys", "dev"} & set(os.listdir(here / "whole"))
    assert "sys" not in listing(skerry, "box", "/")
    skerry("cp", "box:/proc/version", "box:/proc/cpuinfo", here)
    assert "Linux" in (here / "version").read_text()


def test_names_of_any_bytes_and_files_of_holes(skerry: Skerry, box: str, here: Path) -> None:
    name = os.fsdecode(b"a\n\xff\xfe b")
    (here / "odd").mkdir()
    (here / "odd" / name).write_text("odd")
    with open(here / "odd/sparse", "wb") as file:
        file.seek(1 << 30)
        file.write(b"end")
    os.link(here / "odd" / name, here / "odd/second")
    skerry("cp", here / "odd", f"{box}:/tmp/")
    skerry("cp", f"{box}:/tmp/odd", here / "back")
    assert (here / "back" / name).read_text() == "odd"
    assert (here / "back" / name).samefile(here / "back/second")
    assert (here / "back/sparse").stat().st_size == (1 << 30) + 3
    assert (here / "back/sparse").stat().st_blocks < 1000


@pytest.mark.parametrize("target", ["file", "none"])
def test_a_file_goes_where_a_link_leads(skerry: Skerry, box: str, here: Path, target: str) -> None:
    (here / "file").write_text("old")
    (here / "links").mkdir()
    (here / "links/l").symlink_to(target)
    skerry("cp", here / "file", f"{box}:/tmp/")
    skerry("cp", f"{here}/links/.", f"{box}:/tmp/")
    skerry("cp", here / "a", f"{box}:/tmp/l")
    skerry("cp", f"{box}:/tmp/{target}", here / "got")
    assert (here / "got").read_text() == "a\n"


def test_into_tmpfs_and_binds_of_a_running_container(skerry: Skerry, busybox: str, here: Path) -> None:
    skerry("run", "-d", "--name", "box", "--tmpfs", "/t", "-v", f"{here}/d:/b", busybox, "sleep", "600")
    skerry("cp", f"{here}/a", "box:/t/")
    skerry("cp", f"{here}/a", "box:/b/")
    assert skerry("exec", "box", "ls", "/t").stdout == "a\n"
    assert (here / "d/a").read_text() == "a\n"


def test_a_container_with_ids_of_its_own(skerry: Skerry, busybox: str, here: Path) -> None:
    flags = ("--uidmap", "0:100000:1000", "--user", "5")
    skerry("run", "-d", "--name", "box", *flags, busybox, "sleep", "600")
    skerry("create", "--name", "still", *flags, busybox, "stat", "-c", "%u", "/home/a")
    for name in ("box", "still"):
        skerry("cp", f"{here}/a", f"{name}:/home/")
    assert skerry("exec", "box", "stat", "-c", "%u", "/home/a").stdout == "5\n"
    skerry("cp", "-", "box:/tmp", input=skerry("cp", "still:/home", "-").raw)
    assert skerry("exec", "box", "stat", "-c", "%u", "/tmp/home/a").stdout == "5\n"
    assert skerry("start", "-a", "still").stdout == "5\n"


def test_the_hosts_mounts_below_a_bind_stay_where_mounts_are_shared(skerry: Skerry, busybox: str, here: Path) -> None:
    skerry("create", "--name", "box", "-v", f"{here}/d:/b", busybox, "true")
    script = 'mount -t tmpfs below "$1/d/s" && touch "$1/d/s/kept" && shift && "$@" && cat /proc/self/mountinfo'
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "shared", "sh", "-c", script, "sh", str(here),
         *skerry.argv, "cp", f"{here}/a", "box:/b/s/"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert f"{here}/d/s " in done.stdout


@pytest.mark.parametrize("rootfs", [False, True])
def test_killed_half_way_it_leaves_no_volume_bound(skerry: Skerry, busybox: str, here: Path, rootfs: bool) -> None:
    folder = here / "rootfs"
    (folder / "data").mkdir(parents=True)
    skerry("create", "--name", "box", "-v", "data:/data", *(("--rootfs", folder) if rootfs else (busybox,)), "true")
    volume = Path(skerry("volume", "inspect", "data", "--format", "{{.Mountpoint}}").stdout.strip())
    (volume / "kept").write_text("precious")
    with subprocess.Popen([*skerry.argv, "cp", "-", "box:/data"], stdin=subprocess.PIPE) as copying:
        until = time.monotonic() + 10
        while not _has_file(copying.pid, "/archive"):
            assert time.monotonic() < until
            time.sleep(0.01)
        copying.kill()
    assert str(volume) not in Path("/proc/self/mountinfo").read_text()
    skerry("rm", "box")
    assert (volume / "kept").read_text() == "precious"
    skerry("system", "check", "--repair", check=False)


def _has_file(pid: int, end: str) -> bool:
    """Whether a process has a file open whose path ends so: how far it is."""
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        try:
            if os.readlink(fd).endswith(end):
                return True
        except FileNotFoundError:
            continue
    return False


def test_what_a_killed_copy_left_mounted_does_not_change_the_owners_of_the_next_run(
    skerry: Skerry, busybox: str, here: Path
) -> None:
    skerry("create", "--name", "box", "--uidmap", "0:100000:1000", busybox, "stat", "-c", "%u", "/bin")
    with subprocess.Popen([*skerry.argv, "cp", "-", "box:/tmp"], stdin=subprocess.PIPE) as copying:
        until = time.monotonic() + 10
        while not _has_file(copying.pid, "/archive"):
            assert time.monotonic() < until
            time.sleep(0.01)
        copying.kill()
    assert skerry("start", "-a", "box").stdout == "0\n"
    skerry("system", "check", "--repair", check=False)


def test_a_new_volume_of_a_container_that_never_ran_begins_as_the_image_has_it(
    skerry: Skerry, busybox: str, here: Path
) -> None:
    """As Podman: its owner, and what is in it, before anything is copied into it."""
    (here / "Dockerfile").write_text(
        f"FROM {busybox}\nRUN mkdir /data && echo x > /data/first && chown 9999:9999 /data\n"
    )
    skerry("build", "-q", "-t", "with-data", str(here))
    (here / "second").write_text("y")
    skerry("create", "--name", "box", "-v", "data:/data", "with-data", "true")

    skerry("cp", str(here / "second"), "box:/data/")

    place = Path(skerry("volume", "inspect", "data", "--format", "{{.Mountpoint}}").stdout.strip())
    assert sorted(os.listdir(place)) == ["first", "second"]
    assert (place.stat().st_uid, place.stat().st_gid) == (9999, 9999)
    skerry("run", "--rm", "-v", "data:/data", busybox, "true")
    assert (place.stat().st_uid, place.stat().st_gid) == (9999, 9999)


@pytest.mark.parametrize("first", [(), ("start", "-a", "box")])
def test_what_is_copied_into_a_volume_is_the_container_s_where_it_has_its_own_ids(
    skerry: Skerry, busybox: str, here: Path, first: tuple[str, ...]
) -> None:
    """Whether it ran before or not: new volumes begin as the image has them, with its ids."""
    (here / "Dockerfile").write_text(f"FROM {busybox}\nRUN mkdir /data && echo x > /data/first && chown 99:99 /data\n")
    skerry("build", "-q", "-t", "with-data", str(here))
    (here / "second").write_text("y")
    maps = ("--uidmap", "0:100000:1000", "--gidmap", "0:200000:1000")
    look = ("stat", "-c", "%u:%g %n", "/data", "/data/first", "/data/second", "/new", "/new/second", "/file")
    skerry("create", "--name", "box", *maps, "-v", "data:/data", "-v", "new:/new", "with-data", *look)
    if first:
        skerry(*first, check=False)

    for folder in ("/data/", "/new/", "/file"):
        skerry("cp", str(here / "second"), f"box:{folder}")

    owners = [line.split()[0] for line in skerry("start", "-a", "box").lines]
    assert owners == ["99:99", *["0:0"] * 5]
    place = Path(skerry("volume", "inspect", "new", "--format", "{{.Mountpoint}}").stdout.strip())
    assert ((place / "second").stat().st_uid, (place / "second").stat().st_gid) == (100000, 200000)


def test_what_is_made_to_mount_on_is_gone_again(skerry: Skerry, busybox: str, here: Path) -> None:
    flags = ("-v", "outer:/new/outer", "-v", "inner:/new/outer/sub/inner", "-v", f"{here}/d:/elsewhere/d")
    skerry("create", "--name", "box", *flags, busybox)
    skerry("cp", here / "a", "box:/new/outer/sub/inner")
    folders = {name: Path(skerry("volume", "inspect", name, "--format", "{{.Mountpoint}}").stdout.strip())
               for name in ("outer", "inner")}  # fmt: skip
    assert os.listdir(folders["inner"]) == ["a"]
    assert os.listdir(folders["outer"]) == []
    assert skerry("diff", "box").stdout == ""


def test_images_that_are_mounted_can_be_looked_into_and_not_written_to(
    skerry: Skerry, busybox: str, here: Path
) -> None:
    skerry("run", "--name", "made", busybox, "sh", "-c", "mkdir -p /d/sub; echo part >/d/sub/x; ln -s x /d/sub/link")
    skerry("commit", "-q", "made", "other")
    for name, words in (("ro", ""), ("rw", ",rw=true")):
        mount = f"type=image,source=other,target=/data,subpath=/d/sub{words}"
        skerry("create", "--name", name, "--network", "none", "--mount", mount, busybox, "sleep", "100")
        for state in ("created", "stopped"):
            skerry("cp", f"{name}:/data/link", here / f"{name}-{state}")
            assert (here / f"{name}-{state}").read_text() == "part\n"
            refused = skerry("cp", here / "a", f"{name}:/data/new", check=False)
            assert (refused.code, refused.stderr) == (
                125, 'Error: "/data/new" of the container: cannot copy into a read-only mount\n',
            )  # fmt: skip
            skerry("start", name)
            skerry("stop", "-t", "0", name)


@pytest.mark.parametrize("kind", ["volume", "bind"])
def test_nothing_goes_into_a_read_only_mount(skerry: Skerry, busybox: str, here: Path, kind: str) -> None:
    source = "data" if kind == "volume" else here / "d"
    skerry("create", "--name", "box", "--mount", f"type={kind},source={source},target=/data,ro", busybox)
    refused = skerry("cp", here / "a", "box:/data/new", check=False)
    assert (refused.code, "cannot copy into a read-only mount" in refused.stderr) == (125, True)
    assert not (here / "d/new").exists()
