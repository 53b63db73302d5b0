"""A reboot while containers run: their processes, mounts, run folder and network are gone, the boot's id is another.

A boot is a pid, mount and network namespace with a /run of its own here: with its first process all of it ends at once.
"""

from __future__ import annotations

import itertools
import subprocess
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.crash.world import World
from tests.support.command import Skerry, eventually
from tests.support.leaks import Leaks

_BOOTS = itertools.count()
_SETUP = """
mount -t tmpfs -o mode=755 tmpfs /run
mount --bind "$1" /proc/sys/kernel/random/boot_id
ip link set lo up
echo up
exec cat >/dev/null
"""


class Boot:
    """A machine that is up until `power_off`."""

    def __init__(self, world: World) -> None:
        self.world = world
        identity = world.top / f"boot{next(_BOOTS)}"
        identity.write_text(f"{uuid.uuid4()}\n")
        unshare = ["unshare", "-mnp", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        self._init = subprocess.Popen(
            [*unshare, "sh", "-c", _SETUP, "init", str(identity)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._init.stdout is not None
        assert self._init.stdout.readline() == "up\n"
        children = Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()
        self._enter = ["nsenter", "-t", children[0], "-m", "-n", "-p", "--"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.world.run(*words, within=self._enter)

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def power_off(self) -> None:
        self._init.kill()  # its child, the namespace's first process, goes with it, and all others with that
        self._init.communicate()
        # What lies in memory on a real machine.
        groups = Leaks(Skerry(self.world.top)).cgroups()
        for group in groups:
            for name, thawed in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if (group / name).exists():
                    (group / name).write_text(thawed)
        for group in groups:
            eventually(lambda group=group: not group.joinpath("cgroup.procs").read_text())
            group.rmdir()
        subprocess.run(["rm", "-rf", f"{self.world.top}/run", f"{self.world.top}/tmp"], check=True)


@pytest.fixture
def boot(new_world: Callable[[], World]) -> Iterator[Callable[[], Boot]]:
    world = new_world()
    up: list[Boot] = []

    def begin() -> Boot:
        up.append(Boot(world))
        return up[-1]

    yield begin
    up[-1].run("rm", "-fa", "-t", "0")
    up[-1].power_off()


def test_what_ran_is_as_podman_leaves_it_and_what_shall_run_again_does(boot: Callable[[], Boot]) -> None:
    first = boot()
    sleeper = ("--stop-timeout", "0", "bb", "sleep", "1000")
    for name, *flags in (
        ("always", "--restart", "always", "-p", "127.0.0.1:8000:80", "-v", "data:/data"), ("unless", "--restart", "unless-stopped"),
        ("stopped", "--restart", "unless-stopped"), ("failure", "--restart", "on-failure"), ("plain",), ("paused",),
        ("gone", "--rm", "-v", "/anonymous"), ("checked", "--restart", "always", "--health-cmd", "true", "--health-interval", "1s"),
    ):  # fmt: skip
        first.ok("run", "-d", "--name", name, *flags, *sleeper)
    first.ok("create", "--name", "fresh", *sleeper)
    first.ok("exec", "always", "sh", "-c", "echo kept > /data/file; echo kept > /own")
    first.ok("stop", "stopped")
    first.ok("pause", "paused")
    first.ok("mount", "plain")
    first.ok("image", "mount", "bb")
    first.power_off()

    second = boot()
    states = dict(line.split() for line in second.ok("ps", "-a", "--format", "{{.Names}} {{.State}}").splitlines())
    ran = ("always", "unless", "stopped", "failure", "plain", "paused", "checked")
    assert states == {**dict.fromkeys(ran, "exited"), "fresh": "created"}
    started, finished = second.ok("inspect", "plain", "--format", "{{.State.StartedAt}}\t{{.State.FinishedAt}}").split(
        "\t"
    )
    assert not finished.startswith("0001-")
    assert started <= finished
    assert second.ok("volume", "ls", "-q") == "data"
    assert second.ok("mount") == second.ok("image", "mount") == ""
    second.ok("start", "--all", "--filter", "should-start-on-boot=true")
    running = set(second.ok("ps", "--format", "{{.Names}}").split())
    assert running == {"always", "unless", "checked"}
    assert second.ok("exec", "always", "cat", "/data/file", "/own").split() == ["kept", "kept"]
    second.ok("wait", "--condition", "healthy", "checked")
    for name in ("plain", "paused", "fresh"):
        second.ok("start", name)
    second.ok("system", "check")


def test_the_next_command_may_be_any(boot: Callable[[], Boot]) -> None:
    first = boot()
    for name in ("a", "b", "c", "d", "e"):
        first.ok("run", "-d", "--name", name, "--restart", "always", "--stop-timeout", "0", "bb", "sleep", "1000")
    first.power_off()
    second = boot()
    assert "improper" in second.run("exec", "a", "true").stderr
    second.ok("start", "a")
    second.ok("rm", "b")
    second.ok("restart", "c")
    second.ok("rm", "-f", "d")
    second.ok("cp", "e:/etc/passwd", "-")
    assert set(second.ok("ps", "--format", "{{.Names}}").split()) == {"a", "c"}
    second.ok("system", "check")
