"""conmon, the runtime and the command itself are killed or stopped at random moments: everything is given back."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.crash.world import LAUNCHER, World
from tests.support.command import eventually

ROUNDS = int(os.environ.get("SKERRY_ROUNDS", "12"))


def processes(world: World) -> list[tuple[int, bytes]]:
    """This store's processes with their command lines: commands, conmons, runtimes."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(f"{world.top}/run") in line:
            found.append((pid, line))
    return found


def victim(world: World, name: bytes, command: subprocess.Popen[bytes] | None = None) -> int:
    """The first process of this program that is seen; 0 when ``command`` ends before."""
    deadline = time.monotonic() + 60
    while command is None or command.poll() is None:
        assert time.monotonic() < deadline, f"no {name!r} was seen"
        for pid, line in processes(world):
            if os.path.basename(line.split(b"\0")[0]) == name:
                return pid
        time.sleep(0.0005)
    return 0


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass  # it was faster


@pytest.mark.parametrize("name", [b"conmon", b"crun", b"python3"])
def test_killed_while_a_container_runs(name: bytes, new_world: Callable[[], World]) -> None:
    world, dice = new_world(), random.Random(name)
    for number in range(ROUNDS):
        words = [LAUNCHER, *world.globals, "run", "--name", f"box{number}", "-p", "127.0.0.1::80", "bb", "sleep", "0.1"]
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            pid = victim(world, name, run)
            time.sleep(dice.random() * 0.05)
            if pid:
                send(pid, signal.SIGKILL)
            try:
                _out, err = run.communicate(timeout=300)  # a runtime that hangs is given up after 240 seconds
            except subprocess.TimeoutExpired:
                run.kill()
                raise
        assert b"a bug in Skerry" not in err, err
    _all_given_back(world)


def test_a_conmon_killed_beside_a_running_container(new_world: Callable[[], World]) -> None:
    world = new_world()
    for number, ending in enumerate((("stop", "-t", "0"), ("kill",), ("rm", "-f", "-t", "0"), ("restart", "-t", "0"))):
        box = f"box{number}"
        world.ok("run", "-d", "--name", box, "-p", "127.0.0.1::80", "bb", "sleep", "1000")
        send(victim(world, b"conmon"), signal.SIGKILL)
        assert "bug in Skerry" not in world.run(*ending, box).stderr
        world.run("rm", "-f", "-t", "0", box)
    _all_given_back(world)


def test_a_conmon_killed_before_the_start_has_a_successor(new_world: Callable[[], World]) -> None:
    world = new_world()
    world.ok("create", "--name", "box", "bb", "sh", "-c", "echo out; exec sleep 1000")
    world.ok("init", "box")
    first = victim(world, b"conmon")
    send(first, signal.SIGKILL)
    world.ok("start", "box")
    assert victim(world, b"conmon") != first
    eventually(lambda: world.ok("logs", "box") == "out")
    world.ok("rm", "-f", "-t", "0", "box")
    _all_given_back(world)


def test_a_conmon_that_hangs(new_world: Callable[[], World]) -> None:
    world = new_world()
    world.ok("run", "-d", "--name", "box", "bb", "sleep", "1000")
    pid = victim(world, b"conmon")
    send(pid, signal.SIGSTOP)
    assert "bug in Skerry" not in world.run("rm", "-f", "-t", "0", "box", timeout=60).stderr
    assert world.ok("ps", "-aq") == ""
    send(pid, signal.SIGCONT)
    _all_given_back(world)


def _all_given_back(world: World) -> None:
    world.run("system", "check", "--repair")
    world.settle()
    for container in world.ok("ps", "-aq").split():
        world.ok("rm", "-f", "-t", "0", container)
    world.run("system", "check", "--repair")
    world.ok("system", "check")
    world.settle()
    assert world.leaks() == []


def test_all_that_looks_after_containers_killed_at_once(new_world: Callable[[], World]) -> None:
    """conmon, aardvark-dns, the supervisor and who waits for its death: the containers run on, and what follows works."""
    world = new_world()
    network = f"n{world.top.name}"
    checked = ("--health-cmd", "true", "--health-interval", "200ms")
    world.ok("network", "create", network)
    for name in ("one", "two"):
        world.ok("run", "-d", "--name", name, "--network", network, *checked, "bb", "sleep", "1000")
    world.ok("wait", "--condition", "healthy", "one", "two")
    serving = int(
        next(Path("/run/skerry/net").glob(f"{os.stat('/proc/self/ns/net').st_ino}-*/dns/aardvark.pid")).read_text()
    )
    helpers = [pid for pid, line in processes(world) if b"conmon" in line or b"supervise" in line]
    assert len(helpers) >= 4
    for pid in (*helpers, serving):
        send(pid, signal.SIGKILL)
    assert world.ok("ps", "-q").count("\n") == 1
    assert world.ok("exec", "one", "echo", "in") == "in"
    world.ok("run", "--rm", "--network", network, "bb", "nslookup", "two")
    world.ok("wait", "--condition", "healthy", "two")
    assert (
        "exit code could not be retrieved" in world.run("stop", "-t", "0", "one").stderr
    )  # conmon would have known it
    world.ok("start", "one")
    world.ok("rm", "-f", "-t", "0", "one", "two")
    world.ok("network", "rm", network)
    _all_given_back(world)
