"""A user's volumes and mounts: what their namespace may mount is mounted, the rest is refused in one line."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rootless.conftest import SKERRY, User
from tests.support.command import eventually

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(user: User) -> Run:
    """``run --rm FLAGS busybox sh -c SCRIPT`` without a network."""
    user.skerry("image", "bootstrap", "-q")

    def run(script: str, *flags: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        words = ("run", "--rm", "--network=none", *flags, "busybox", "sh", "-c", script)
        return user.skerry(*words, check=check)

    return run


@pytest.fixture
def source(user: User) -> Path:
    """A folder of the user's."""
    folder = user.home / "src"
    user("sh", "-c", "mkdir -p src/sub; echo text > src/file")
    return folder


def test_volumes_of_each_driver(user: User, run: Run, source: Path) -> None:
    user.skerry("volume", "create", "-o", "type=tmpfs", "-o", "o=size=1m,mode=700", "memory")
    user.skerry("volume", "create", "-o", "type=bind", "-o", f"device={source}", "folder")
    user.skerry("volume", "create", "-d", "image", "-o", "image=busybox", "tree")
    flags = ("-v", "memory:/m", "-v", "folder:/f", "-v", "tree:/t")
    script = "stat -f -c %T /m; ls /f; ls -d /t/bin; touch /m/x /f/made /t/made"
    assert run(script, *flags).stdout == "tmpfs\nfile\nsub\n/t/bin\n"
    assert (source / "made").stat().st_uid == user.uid
    assert run("ls /t/made; ls /m", *flags).stdout == "/t/made\n"
    counts = user.skerry("volume", "ls", "--format", "{{.Name}} {{.MountCount}}").stdout
    assert counts.splitlines() == ["folder 0", "memory 0", "tree 0"]
    user.skerry("volume", "rm", "folder", "memory", "tree")
    assert sorted(os.listdir(source)) == ["file", "made", "sub"]


def test_overlays_images_and_parts(user: User, run: Run, source: Path) -> None:
    assert run("cat /x/file; rm /x/file; touch /x/new", "-v", f"{source}:/x:O").stdout == "text\n"
    assert sorted(os.listdir(source)) == ["file", "sub"]
    image = "type=image,src=busybox,dst=/i"
    assert run("ls -d /i/bin; touch /i/x || echo no", "--mount", image).stdout == "/i/bin\nno\n"
    assert run("touch /i/x; ls /i/x", "--mount", f"{image},rw=true").stdout == "/i/x\n"
    assert "passwd" in run("ls /i", "--mount", f"{image},subpath=/etc").stdout
    run("mkdir /v/part; touch /v/part/in", "-v", "data:/v")
    assert run("ls /p", "--mount", "type=volume,src=data,dst=/p,subpath=part").stdout == "in\n"
    # The last one's clean-up may still go on.
    eventually(lambda: user.skerry("unshare", "grep", "-c", "/mounts/", "/proc/mounts", check=False).stdout == "0\n")


def test_chown_gives_a_folder_to_the_container_s_user(user: User, run: Run, source: Path) -> None:
    out = run("stat -c %u:%g /x /x/file", "--user", "7:8", "-v", f"{source}:/x:U").stdout
    assert out == "7:8\n7:8\n"
    assert (source / "file").stat().st_uid not in (user.uid, 0, 7)
    assert run("stat -c %u /x/file", "-v", f"{source}:/x:U").stdout == "0\n"
    assert (source / "file").stat().st_uid == user.uid


def test_volumes_with_the_caller_s_id(user: User, run: Run) -> None:
    script = "id -u; stat -c %u /v; touch /v/made; stat -c %u /v/made"
    for mode in ("keep-id", "keep-id:uid=200,gid=210"):
        uid = "200" if "200" in mode else str(user.uid)
        assert run(script, f"--userns={mode}", "-v", f"v{uid}:/v").stdout.split() == [uid] * 3
    assert run(script, "--userns=auto", "-v", "auto:/v").stdout.split() == ["0"] * 3


def test_a_volume_is_filled_from_the_image_as_the_container_sees_it(run: Run) -> None:
    assert run("stat -c %u:%g /etc/passwd; test -s /etc/passwd && echo full", "-v", "etc:/etc").stdout == "0:0\nfull\n"
    kept = run("test -s /etc/passwd && echo full; stat -c %u /etc/passwd", "--userns=keep-id", "-v", "kept:/etc")
    assert kept.stdout == "full\n0\n"


def test_what_only_root_may_is_refused_in_one_line(run: Run, source: Path) -> None:
    refused = run("true", "-v", f"{source}:/x:idmap=uids=0-1-1;gids=0-1-1", check=False)
    assert refused.returncode == 126
    assert refused.stderr.count("\n") == 1
    assert "idmap" in refused.stderr
    assert "only root may do it" in refused.stderr
    refused = run("true", "--mount", "type=tmpfs,dst=/x,noswap", check=False)
    assert (refused.returncode, "only allowed with rootful tmpfs mounts" in refused.stderr) == (125, True)


def test_tars_go_in_and_out(user: User, run: Run) -> None:
    run("echo one > /v/file; chown 7:8 /v/file", "-v", "a:/v")
    user.skerry("volume", "export", "a", "-o", "a.tar")
    user.skerry("volume", "create", "b")
    user.skerry("volume", "import", "b", "a.tar")
    assert run("cat /v/file; stat -c %u:%g /v/file", "-v", "b:/v").stdout == "one\n7:8\n"


def test_mounting_by_hand_is_for_within_the_namespace(user: User) -> None:
    user.skerry("volume", "create", "-o", "type=tmpfs", "v")
    outside = user.skerry("volume", "mount", "v", check=False)
    assert outside.returncode == 125
    assert (
        'cannot run command "skerry volume mount" in rootless mode, must execute `skerry unshare` first'
        in outside.stderr
    )
    script = f"touch $({SKERRY} volume mount v)/x; ls $({SKERRY} volume mount v); {SKERRY} volume unmount v"
    assert user.skerry("unshare", "sh", "-c", script).stdout == "x\nv\n"
    assert user.skerry("volume", "inspect", "v", "-f", "{{.MountCount}}").stdout == "1\n"
