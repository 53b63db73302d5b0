"""Many processes at once on one store: create, start, exec, list, stop and remove, for a while.

    python3 -m tests.crash.soak --seconds 60 --workers 20

Every command must do what it says (a worker only touches containers of its own); at the end nothing may be left.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.crash.world import World


class Worker(threading.Thread):
    """Walks one container after the other through a life of random commands."""

    def __init__(self, world: World, number: int, deadline: float) -> None:
        super().__init__()
        self.world, self.number, self.deadline = world, number, deadline
        self.random = random.Random(number)
        self.failures: list[str] = []
        self.commands = 0

    def call(self, *words: str, code: int = 0, stdout: str | None = None) -> str:
        done = self.world.run(*words, timeout=120)
        self.commands += 1
        if done.returncode != code or (stdout is not None and done.stdout != stdout):
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
        if choice < 0.3:
            self.call("run", "--rm", "--name", name, *network, "bb", "echo", name, stdout=f"{name}\n")
            return
        if choice < 0.4:
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


def soak(world: World, *, workers: int, seconds: float) -> tuple[int, list[str]]:
    """(number of commands, what went wrong)."""
    deadline = time.monotonic() + seconds
    threads = [Worker(world, number, deadline) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    problems = [failure for thread in threads for failure in thread.failures]
    world.settle()
    problems += world.leaks()
    check = world.run("system", "check")
    if check.returncode:
        problems.append(f"system check: {check.stdout}{check.stderr}")
    return sum(thread.commands for thread in threads), problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--workers", type=int, default=20)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sks") as folder:
        world = World(Path(folder))
        world.ok("image", "bootstrap", "busybox", "--tag", "bb")
        count, problems = soak(world, workers=args.workers, seconds=args.seconds)
        world.destroy()
    print(f"{count} commands, {len(problems)} problems")
    for problem in problems[:40]:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
