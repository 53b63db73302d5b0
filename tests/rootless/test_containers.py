"""Containers of a real user: the same commands, no privileges."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rootless.conftest import SKERRY, User, needs_programs, wait_until
from tests.rootless.test_enter import end, holder

from skerry.store.store import Store

pytestmark = needs_programs


def test_root_in_the_container_is_the_user_outside(user: User, run: Callable[..., str]) -> None:
    assert run("--rm", command=("id", "-u")) == "0"
    run("--rm", "-v", f"{user.home}:/home", command=("touch", "/home/made"))
    assert (user.home / "made").stat().st_uid == user.uid


def test_other_users_are_subordinate_ids(user: User, run: Callable[..., str]) -> None:
    assert run("--rm", "-u", "33:34", command=("id", "-g")) == "34"
    run("--rm", "-u", "33", "-v", "data:/data:U", command=("touch", "/data/file"))
    first = int(user.skerry("unshare", "cat", "/proc/self/uid_map").stdout.split()[4])
    path = user.home / ".local/share/skerry/volumes/data/_data/file"
    assert path.stat().st_uid == first + 32


def test_exit_codes(user: User) -> None:
    user("mkdir", "-p", "empty")
    assert user.skerry("run", "--rm", "--network=none", "--rootfs", "empty", "nothing", check=False).returncode == 127
    assert user.skerry("run", "--rm", "--rootfs", "absent", "true", check=False).returncode == 125


def test_stop_start_and_remove_leave_nothing(user: User, run: Callable[..., str]) -> None:
    run("-d", "--name", "box", command=("sleep", "600"))
    user.skerry("stop", "-t", "0", "box")
    user.skerry("start", "box")
    user.skerry("rm", "-f", "-t", "0", "box")
    wait_until(lambda: len(user.processes()) == 1, "only the holder is left")
    assert list((user.run / "skerry" / "containers").iterdir()) == []
    assert list((user.home / ".local/share/skerry/containers").iterdir()) == []


def test_a_detached_container_cleans_up_after_itself(user: User, run: Callable[..., str]) -> None:
    run("-d", "--rm", command=("true",))
    folder = user.home / ".local/share/skerry/containers"
    wait_until(lambda: not list(folder.iterdir()) and len(user.processes()) == 1, "the container removes itself")


def test_a_container_outlives_the_namespaces_holder(user: User, run: Callable[..., str]) -> None:
    run("-d", "--name", "box", command=("sleep", "600"))
    before = user.skerry("unshare", "readlink", "/proc/self/ns/mnt").stdout
    end(holder(user))
    assert user.skerry("unshare", "readlink", "/proc/self/ns/mnt").stdout == before
    assert Path(f"/proc/{holder(user)}/comm").read_text() == "conmon\n"
    user.skerry("rm", "-f", "-t", "0", "box")
    wait_until(lambda: not user.processes(), "conmon has ended")
    assert user.skerry("unshare", "id", "-u").stdout == "0\n"


def test_ten_at_once(user: User, run: Callable[..., str]) -> None:
    run("--rm", command=("true",))
    args = ("run", "--rm", "--network=none", "--rootfs", "rootfs", "echo")
    running = [user.start(str(SKERRY), *args, str(n)) for n in range(10)]
    for number, process in enumerate(running):
        stdout, stderr = process.communicate(timeout=120)
        assert (process.returncode, stdout, stderr) == (0, f"{number}\n", "")
    wait_until(lambda: len(user.processes()) == 1, "only the holder is left")


def test_a_limit_that_cannot_be_set_is_said_or_refused(user: User, run: Callable[..., str]) -> None:
    run("--rm", command=("true",))
    result = user.skerry(
        "--cgroup-manager=cgroupfs",
        "run",
        "--rm",
        "--network=none",
        "--memory=64m",
        "--rootfs",
        "rootfs",
        "true",
        check=False,
    )
    if Path("/sys/fs/cgroup/cgroup.controllers").exists():
        assert (result.returncode, result.stderr.count("cannot limit memory: ")) in ((125, 1), (0, 0))
    else:
        assert result.returncode == 0
        assert result.stderr.count("Resource limits are not supported and ignored on cgroups V1 rootless systems") in (
            0,
            1,
        )


def test_anothers_store_is_refused_in_one_line(user: User) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        os.chmod(top, 0o755)
        Store(f"{top}/root", f"{top}/run").db.close()
        result = user.skerry("--root", f"{top}/root", "ps", check=False)
    assert result.returncode == 125
    assert result.stderr == f"Error: state database {top}/root/skerry.db: permission denied\n"


def test_another_user_can_neither_see_nor_enter(user: User, run: Callable[..., str]) -> None:
    run("-d", "--name", "box", command=("sleep", "600"))
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    look = subprocess.run(["ls", str(user.run / "skerry")], capture_output=True, check=False, **nobody)  # type: ignore[call-overload]
    assert look.returncode != 0
    join = subprocess.run(
        ["nsenter", "-t", str(holder(user)), "-U", "true"], capture_output=True, check=False, **nobody
    )  # type: ignore[call-overload]
    assert join.returncode != 0
    user.skerry("kill", "--signal", str(int(signal.SIGKILL)), "box")


@pytest.mark.parametrize("flag", ["ipc", "uts", "pid", "network", "cgroupns"])
def test_the_hosts_namespaces_are_a_users_too_and_theirs_who_join(
    user: User, run: Callable[..., str], flag: str
) -> None:
    kind = {"network": "net", "cgroupns": "cgroup"}.get(flag, flag)

    def started(mode: str, *words: str, command: tuple[str, ...]) -> str:
        if flag == "network":
            return run(*words, command=command, network=mode)
        return run(*words, f"--{flag}={mode}", command=command)

    started("host", "-d", "--name", "one", command=("sleep", "100"))
    seen = started("container:one", "--rm", command=("busybox", "readlink", f"/proc/self/ns/{kind}"))
    assert seen == os.readlink(f"/proc/self/ns/{kind}")
    user.skerry("rm", "-f", "-t", "0", "one")


def test_top_knows_the_users_own_ids(user: User, run: Callable[..., str]) -> None:
    run("-d", "--name", "one", command=("sleep", "100"))
    shown = user.skerry("top", "one", "uid", "huid", "huser").stdout.splitlines()[1].split()
    assert shown == ["0", str(user.uid), user.name]
    assert "sleep 100" in user.skerry("top", "one", "-ef").stdout
    user.skerry("rm", "-f", "-t", "0", "one")


def test_secrets(user):
    """As files with owners and modes, and as variables."""
    user.skerry("image", "bootstrap", "-q")
    (user.home / "f").write_text("value")
    user.skerry("secret", "create", "s", str(user.home / "f"))
    script = "stat -c '%a %u:%g' /run/secrets/s; cat /run/secrets/s; echo \" $V\""
    words = ["--network", "none", "--secret", "s,uid=3,gid=4,mode=0440", "--secret", "s,type=env,target=V"]
    done = user.skerry("run", "--rm", *words, "busybox", "sh", "-c", script)
    assert done.stdout.splitlines() == ["440 3:4", "value value"]
