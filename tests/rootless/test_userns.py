"""A user's containers with ids of their own: the host's file system cannot be idmapped by a user, nothing is copied."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rootless.conftest import SKERRY, User


@pytest.fixture(autouse=True)
def fuse() -> None:
    if not shutil.which("fuse-overlayfs") or not os.path.exists("/dev/fuse"):
        pytest.skip("fuse-overlayfs is not installed")


@pytest.fixture
def run(user: User) -> Callable[..., subprocess.CompletedProcess[str]]:
    user.skerry("image", "bootstrap", "-q")
    return lambda *args: user.skerry("run", "--rm", *args)


def test_keep_id_is_who_calls_and_the_image_is_roots(run, user):
    (user.home / "data").mkdir()
    os.chown(user.home / "data", user.uid, user.gid)
    script = "id -u; stat -c %u /bin; touch /data/made; stat -c %u /data/made; echo $HOME; tail -n1 /etc/passwd"
    out = run("--userns=keep-id", "-v", f"{user.home}/data:/data", "busybox", "sh", "-c", script).stdout.splitlines()
    assert out[:4] == [str(user.uid), "0", str(user.uid), "/"]
    assert out[4].startswith(f"{user.name}:*:{user.uid}:{user.gid}:")
    assert (user.home / "data" / "made").stat().st_uid == user.uid


def test_keep_id_as_another_number(run, user):
    out = run("--userns=keep-id:uid=200,gid=210", "busybox", "sh", "-c", "id -u; id -g; grep -c . /proc/self/uid_map")
    assert out.stdout.split() == ["200", "210", "3"]


def test_root_in_keep_id_may_change_the_images_files(run):
    out = run(
        "--userns=keep-id",
        "--user",
        "root",
        "busybox",
        "sh",
        "-c",
        "echo x >>/etc/passwd && chown 7:7 /etc/group && stat -c %u /etc/group",
    )
    assert out.stdout == "7\n"


@pytest.mark.parametrize("mode", ["nomap", "auto", "auto:size=2000"])
def test_the_callers_own_id_is_not_in(run, mode):
    out = run(
        f"--userns={mode}", "busybox", "sh", "-c", "cat /proc/self/uid_map; stat -c %u /bin; touch /x; stat -c %u /x"
    )
    first, *rest = out.stdout.splitlines()
    assert first.split()[:2] == ["0", "1"]
    assert rest == ["0", "0"]


def test_auto_makes_no_room_for_nobody(run, user):
    made = "printf 'nobody:x:60000:60000::/:/bin/false\\n' >>/etc/passwd; printf 'nogroup:x:65533:\\n' >>/etc/group"
    user.skerry("run", "--name", "maker", "busybox", "sh", "-c", made)
    user.skerry("commit", "-q", "maker", "with-nobody")
    maps = run("--userns=auto", "with-nobody", "cat", "/proc/self/uid_map", "/proc/self/gid_map").stdout
    assert [line.split()[2] for line in maps.splitlines()] == ["1024", "1024"]


def test_two_with_auto_share_no_id(run, user):
    first = user.skerry("run", "-d", "--userns=auto", "busybox", "sleep", "60")
    second = user.skerry("run", "--rm", "--userns=auto", "busybox", "cat", "/proc/self/uid_map").stdout.split()
    assert second[:2] == ["0", "1025"]
    user.skerry("rm", "-ft0", first.stdout.strip())


def test_a_map_of_subordinate_ids_only_reaches_the_root_file_system(run):
    out = run("--uidmap", "0:1:100", "busybox", "sh", "-c", "id -u; stat -c %u /etc/hosts /bin")
    assert out.stdout.split() == ["0", "0", "0"]


def test_a_map_may_reach_from_ones_own_id_into_the_subordinate_ones(run):
    for uids, gids in (("0:1:1000", "0:0:1000"), ("0:0:1000", "0:1:1000"), ("0:0:1000", "0:0:1000")):
        assert run("--uidmap", uids, "--gidmap", gids, "busybox", "id", "-u").stdout == "0\n"


def test_it_runs_on_a_network_of_the_users(run, user):
    user.skerry("network", "create", "mine")
    out = run("--userns=keep-id", "--network", "mine", "busybox", "ip", "-4", "addr", "show", "eth0")
    assert "inet 10." in out.stdout


def test_nothing_is_copied_and_nothing_stays(run, user):
    before = _entries(user.home / ".local/share/skerry/layers")
    run("--userns=keep-id", "busybox", "true")
    assert _entries(user.home / ".local/share/skerry/layers") == before
    names = [Path(f"/proc/{pid}/comm").read_text().strip() for pid in user.processes()]
    assert "fuse-overlayfs" not in names


def _entries(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


def test_folders_that_it_makes_are_in_diff_commit_export_and_cp(user):
    user.skerry("image", "bootstrap", "-q")
    script = "mkdir -p /made/in /tmp/t; rm -rf /var; mkdir /var; touch /var/only /made/in/file; sleep 600"
    flags = ("--userns=keep-id", "--user", "root", "--network", "none")
    user.skerry("run", "--name", "base", "busybox", "sh", "-c", "mkdir -p /var/hidden")
    user.skerry("commit", "-q", "base", "localhost/base")
    user.skerry("run", "-d", "--name", "box", *flags, "localhost/base", "sh", "-c", script)
    again = "rm -r /made /var && mkdir -p /made/in /var && touch /made/in/file /var/only"
    wait = "until [ -e /made/in/file ]; do sleep 0.1; done"
    for running in (True, False):
        if running:
            user.skerry("exec", "box", "sh", "-c", wait)
        else:
            user.skerry("stop", "-t", "0", "box")
        changes = user.skerry("diff", "box").stdout.splitlines()
        assert {"A /made", "A /made/in", "A /var/only", "D /var/hidden"} <= set(changes)
        assert not any(".wh." in line for line in changes)
        user.skerry("commit", "-q", "box", "localhost/done")
        listed = user.skerry("run", "--rm", "localhost/done", "find", "/var", "/made").stdout.split()
        assert sorted(listed) == ["/made", "/made/in", "/made/in/file", "/var", "/var/only"]
        exported = user("sh", "-c", f"{SKERRY} export box | tar -t").stdout
        assert ".wh." not in exported
        assert "var/hidden" not in exported
        user.skerry("cp", "box:/var", str(user.home / f"var-{running}"))
        assert os.listdir(user.home / f"var-{running}") == ["only"]
        if running:
            user.skerry("exec", "box", "sh", "-c", again)
    user.skerry("start", "box")
    assert user.skerry("exec", "box", "ls", "-A", "/var").stdout == "only\n"
    user.skerry("rm", "-f", "-t", "0", "box", "base")


def test_a_secret_belongs_to_who_it_was_given_to(run, user):
    (user.home / "f").write_text("value")
    user.skerry("secret", "create", "s", str(user.home / "f"))
    secret = f"s,uid={user.uid},gid={user.gid},mode=0400"
    done = run(
        "--userns=keep-id",
        "--secret",
        secret,
        "busybox",
        "sh",
        "-c",
        "stat -c '%a %u' /run/secrets/s; cat /run/secrets/s",
    )
    assert done.stdout.splitlines() == [f"400 {user.uid}", "value"]


def test_exec_knows_the_callers_name_in_keep_id(run, user):
    run("-d", "--name", "box", "--network", "none", "--userns=keep-id", "busybox", "sleep", "1000")
    assert user.skerry("exec", "--user", user.name, "box", "id", "-u").stdout == f"{user.uid}\n"
    assert user.skerry("exec", "--user", "root", "box", "id", "-u").stdout == "0\n"
    user.skerry("rm", "-f", "-t", "0", "box")
