"""A user's own supervisor: checks on time, names without the unhealthy, restarts; and the end of it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.rootless.conftest import User, needs_programs, wait_until
from tests.rootless.test_bridges import ask
from tests.rootless.test_network import SERVE

pytestmark = needs_programs
Run = Callable[..., str]
CHECK = ("--health-cmd", "sh -c '! cat /dev/shm/bad'", "--health-interval", "200ms", "--health-retries", "1")


def status(user: User, name: str) -> str:
    return user.skerry("inspect", "-f", "{{.State.Health.Status}}", name).stdout.strip()


def supervisors(user: User) -> list[int]:
    found = []
    for pid in user.processes():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
        if b"supervise" in words and words[0] != b"flock":
            found.append(pid)
    return found


def test_a_users_supervisor(user: User, run: Run) -> None:
    for name in ("one", "two"):
        run("-d", "--name", name, *CHECK, command=("sleep", "600"))
    wait_until(lambda: (status(user, "one"), status(user, "two")) == ("healthy", "healthy"), "both are healthy")
    assert len(supervisors(user)) == 1
    old = supervisors(user)[0]
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: len(supervisors(user)) == 1 and supervisors(user) != [old], "the heir takes over")
    user.skerry("exec", "one", "touch", "/dev/shm/bad")
    wait_until(lambda: status(user, "one") == "unhealthy", "it goes on checking")
    user.skerry("rm", "-fa", "-t", "0")
    wait_until(lambda: len(user.processes()) == 1, "only the namespace's holder is left")


@pytest.mark.skipif(not os.path.exists("/usr/lib/podman/aardvark-dns"), reason="needs aardvark-dns")
def test_the_unhealthy_leave_a_users_names(user: User, run: Run) -> None:
    user.skerry("network", "create", "app")
    run("-d", "--name", "web", *CHECK, command=SERVE, network="app:alias=db")
    run("-d", "--name", "idle", *CHECK, command=("sleep", "600"), network="app:alias=db")
    run("-d", "--name", "client", command=("sleep", "600"), network="app")
    files = user.run / "skerry/net"

    def sharing() -> list[str]:
        lines = [
            line
            for path in files.glob("*/dns/*")
            if path.name != "aardvark.pid"
            for line in path.read_text().splitlines()
        ]
        return [line for line in lines if "db" in line.split()[-1].split(",")]

    wait_until(lambda: len(sharing()) == 2, "both have the name")
    user.skerry("exec", "idle", "touch", "/dev/shm/bad")
    wait_until(lambda: len(sharing()) == 1, "the unhealthy one leaves it")
    wait_until(lambda: ask(user, "client", "db") == "hello", "the other one answers")
    user.skerry("rm", "-fa", "-t", "0")


def test_a_users_container_that_keeps_ending_is_started_again(user: User, run: Run) -> None:
    run("-d", "--name", "box", "--restart", "always", command=("sh", "-c", "exit 3"))
    count = ("inspect", "-f", "{{.RestartCount}}", "box")
    wait_until(lambda: int(user.skerry(*count).stdout) >= 3, "it is started again and again")
    user.skerry("rm", "-f", "-t", "0", "box")
    wait_until(lambda: len(user.processes()) <= 1, "the supervisor ends")
