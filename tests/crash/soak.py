"""Many processes at once on one store: containers, images, networks and volumes are made, used, changed, looked at and
removed, for a while.

    python3 -m tests.crash.soak --seconds 60 --workers 20 [--kill]

Every command must do what it says (a worker only touches containers of its own); at the end nothing may be left.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.crash.world import World


class Worker(threading.Thread):
    """Walks one container after the other through a life of random commands."""

    def __init__(self, world: World, number: int, deadline: float, *, killed: bool = False) -> None:
        super().__init__()
        self.killed = killed  # others kill what it runs: only then may commands fail
        self.world, self.number, self.deadline = world, number, deadline
        self.random = random.Random(number)
        self.failures: list[str] = []
        self.commands = 0

    def call(self, *words: str, code: int = 0, stdout: str | None = None) -> str:
        done = self.world.run(*words, timeout=120)
        self.commands += 1
        if self.killed:
            if "a bug in Skerry" in done.stderr or "Traceback" in done.stderr:
                self.failures.append(f"{' '.join(words)}: {done.returncode} {done.stderr!r}")
        elif done.returncode != code or (stdout is not None and done.stdout != stdout):
            self.failures.append(f"{' '.join(words)}: {done.returncode} {done.stdout!r} {done.stderr!r}")
        return done.stdout.strip()

    def run(self) -> None:
        count = 0
        while time.monotonic() < self.deadline:
            count += 1
            self.life(f"w{self.number}-{count}")

    def life(self, name: str) -> None:
        choice = self.random.random()
        network = self.random.choice([("--network", "none"), (), ("-p", "127.0.0.1::80")])
        if choice < 0.2:
            self.random.choice([self.image, self.network, self.changes, self.look])(name)
            return
        if choice < 0.35:
            self.call("run", "--rm", "--name", name, *network, "bb", "echo", name, stdout=f"{name}\n")
            return
        if choice < 0.45:
            self.looked_after(name)
            return
        if choice < 0.6:
            self.call("create", "--name", name, *network, "bb", "sleep", "1000")
            self.call("start", name)
        else:
            self.call("run", "-d", "--name", name, "-v", f"{name}:/data", *network, "bb", "sleep", "1000")
        self.call("exec", name, "sh", "-c", "echo in; exit 3", code=3, stdout="in\n")
        if self.random.random() < 0.5:
            self.call("ps", "-a")
        if self.random.random() < 0.5:
            self.call("stop", "-t", "0", name)
            self.call("start", name)
        self.call("rm", "-f", "-t", "0", name)
        if choice >= 0.6:
            self.call("volume", "rm", name)

    def looked_after(self, name: str) -> None:
        """What the supervisor has to do with: checks, and a container that keeps ending."""
        checked = ("--health-cmd", "true", "--health-interval", "100ms", "--network", "none")
        self.call("run", "-d", "--name", name, *checked, "bb", "sleep", "1000")
        self.call("run", "-d", "--name", f"{name}-ends", "--restart", "always", "--network", "none", "bb", "false")
        self.call("wait", "--condition", "healthy", "-i", "20ms", name, stdout="-1\n")
        self.call("rm", "-f", "-t", "0", name, f"{name}-ends")

    def image(self, name: str) -> None:
        """An image of its own, out of the store and in again."""
        layout = f"oci:{self.world.top}/{name}:1"
        self.call("run", "--name", name, "--network", "none", "bb", "sh", "-c", f"echo {name} > /made")
        self.call("commit", "-q", name, name)
        self.call("rm", name)
        self.call("push", "-q", name, layout)
        self.call("rmi", name)
        pulled = self.call("pull", "-q", layout)
        shutil.rmtree(self.world.top / name, ignore_errors=True)
        self.call("run", "--rm", "--network", "none", pulled or "bb", "cat", "/made", stdout=f"{name}\n")
        self.call("rmi", "-f", pulled or "none")

    def network(self, name: str) -> None:
        """A network of its own, joined and left."""
        self.call("network", "create", name)
        self.call("run", "-d", "--name", name, "--network", name, "-p", "127.0.0.1::80", "bb", "sleep", "1000")
        self.call("network", "connect", "podman", name)
        self.call("exec", name, "nslookup", name)
        self.call("network", "disconnect", name, name)
        self.call("network", "rm", name)
        self.call("rm", "-f", "-t", "0", name)

    def changes(self, name: str) -> None:
        """All that a container goes through."""
        self.call("run", "-d", "--name", f"{name}-old", "-v", f"{name}:/data", "bb", "sleep", "1000")
        self.call("rename", f"{name}-old", name)
        if os.geteuid() == 0:  # a user's container may have no control group here
            self.call("pause", name)
            self.call("unpause", name)
        self.call("cp", "/etc/hostname", f"{name}:/data/copied")
        self.call("restart", "-t", "0", name)
        self.call("cp", f"{name}:/data/copied", "-")
        self.call("kill", name)
        self.call("wait", name)
        self.call("export", "-o", "/dev/null", name)
        self.call("rm", "-v", name)
        self.call("volume", "rm", name)

    def look(self, name: str) -> None:
        """At everything, while it comes and goes."""
        for words in (
            ("ps", "-a", "--size"), ("images", "-a"), ("volume", "ls"), ("network", "ls"), ("system", "df"),
            ("stats", "--no-stream"), ("image", "prune", "-f"), ("container", "prune", "-f", "--filter", f"label={name}"),
            ("volume", "prune", "-f", "--filter", f"label={name}"), ("network", "prune", "-f", "--filter", f"label={name}"),
            ("events", "--since", "5s", "--stream=false"), ("info",),
        ):  # fmt: skip
            self.call(*words)


class Killer(threading.Thread):
    """Ends processes of the store at random: commands, conmons, runtimes, supervisors."""

    def __init__(self, world: World, deadline: float) -> None:
        super().__init__()
        self.world, self.deadline = world, deadline
        self.random = random.Random(7)

    def run(self) -> None:
        while time.monotonic() < self.deadline:
            time.sleep(self.random.random() * 0.2)
            if found := self.world.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(self.random.choice(found).split()[0]), signal.SIGKILL)


def soak(world: World, *, workers: int, seconds: float, kill: bool = False) -> tuple[int, list[str]]:
    """(number of commands, what went wrong)."""
    deadline = time.monotonic() + seconds
    threads = [Worker(world, number, deadline, killed=kill) for number in range(workers)]
    killer = Killer(world, deadline)
    if kill:
        killer.start()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems = [failure for thread in threads for failure in thread.failures]
    if kill:
        killer.join()
        problems += _clean(world)
    world.settle()
    problems += world.leaks()
    check = world.run("system", "check")
    if check.returncode:
        problems.append(f"system check: {check.stdout}{check.stderr}")
    return sum(thread.commands for thread in threads), problems


def _clean(world: World) -> list[str]:
    """After kills: what is left is repaired and removed by the commands for that."""
    world.run("system", "check", "--repair")
    removals = (("rm", "-fa", "-t", "0"), ("volume", "prune", "-f"), ("network", "prune", "-f"), ("rmi", "-fa"))
    done = [(words, world.run(*words)) for words in removals]
    return [f"{' '.join(words)}: {each.stderr}" for words, each in done if each.returncode]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=20)
    parser.add_argument("--kill", action="store_true", help="SIGKILL processes of the store at random meanwhile")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sks") as folder:
        world = World(Path(folder))
        world.ok("image", "bootstrap", "busybox", "--tag", "bb")
        count, problems = soak(world, workers=args.workers, seconds=args.seconds, kill=args.kill)
        world.destroy()
    print(f"{count} commands, {len(problems)} problems")
    for problem in problems[:40]:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
