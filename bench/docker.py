#!/usr/bin/python3
"""Compare Skerry with Docker's engine, whose daemon is warm: everyday commands in turns, medians and their ratio.

    bench/docker.py [--rounds N] [--containers N] [--images N] [--only NAME,...]

Needs root, docker and dockerd; it starts an engine of its own in a network namespace of its own (so published ports are
left out), and removes it afterwards. CPU is not compared: Docker's is the daemon's.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from builds import fill

TOP = Path(__file__).resolve().parents[1]
PAUSE_S = 0.06
IMAGE = "localhost/busybox:latest"


class Command:
    """One of the two command lines."""

    def __init__(self, name: str, argv: list[str], env: dict[str, str]) -> None:
        self.name, self.argv, self.env = name, argv, {**os.environ, **env}

    def __call__(self, *args: str) -> str:
        """Run a command; its output."""
        done = subprocess.run(
            [*self.argv, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{self.name} {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout.strip()

    def timed(self, *args: str) -> float:
        """Milliseconds."""
        start = time.monotonic()
        self(*args)
        return (time.monotonic() - start) * 1000


class Bench:
    """Rounds of both in turns; the first one is a warm-up and does not count."""

    def __init__(self, commands: list[Command], rounds: int, only: set[str]) -> None:
        self.commands, self.rounds, self.only = commands, rounds, only

    def measure(self, name: str, what: Callable[[Command, int], float], rounds: int = 0) -> None:
        if self.only and name not in self.only:
            return
        samples: dict[str, list[float]] = {command.name: [] for command in self.commands}
        for number in range((rounds or self.rounds) + 1):
            for command in random.sample(self.commands, len(self.commands)):
                time.sleep(PAUSE_S)
                sample = what(command, number)
                if number:
                    samples[command.name].append(sample)
        ours, theirs = (statistics.median(samples[name]) for name in ("skerry", "docker"))
        print(f"{name:<28}{ours:10.1f} {theirs:10.1f} {ours / theirs:7.3f}", flush=True)


@contextmanager
def dockerd(work: Path) -> Iterator[Command]:
    """A daemon of our own, warm."""
    top = work / "docker"
    top.mkdir()
    flags = f"--data-root {top}/d --exec-root {top}/e -H unix://{top}/s --pidfile {top}/pid --bip 172.30.0.1/16"
    start = f"ip link set lo up; exec dockerd {flags} --default-ulimit nofile=1024:1024 > {top}/log 2>&1"
    daemon = subprocess.Popen(["unshare", "--net", "sh", "-c", start])
    try:
        for _ in range(600):
            if (top / "log").exists() and "API listen" in (top / "log").read_text():
                break
            time.sleep(0.1)
        else:
            sys.exit(f"dockerd does not start:\n{(top / 'log').read_text()[-2000:]}")
        yield Command("docker", ["docker"], {"DOCKER_HOST": f"unix://{top}/s", "DOCKER_BUILDKIT": "0"})
    finally:
        daemon.terminate()
        daemon.wait()


def everyday(bench: Bench) -> None:
    """Containers that run and end."""
    bench.measure("run --rm, no network", lambda c, _: c.timed("run", "--rm", "--network", "none", IMAGE, "/bin/true"))
    bench.measure("run --rm, bridge", lambda c, _: c.timed("run", "--rm", "--network", "bridge", IMAGE, "/bin/true"))
    for command in bench.commands:
        command("run", "-d", "--name", "box", "--network", "none", IMAGE, "sh", "-c", "seq 100; exec sleep 3600")
    bench.measure("exec", lambda c, _: c.timed("exec", "box", "/bin/true"))
    bench.measure("logs", lambda c, _: c.timed("logs", "box"))
    bench.measure("rm of an ended container", removed)
    bench.measure("rm -f of a running one", lambda c, n: removed(c, n, "-f"))
    for command in bench.commands:
        command("rm", "-f", "box")


def removed(command: Command, number: int, *flags: str) -> float:
    """rm alone, of a container that was made for it."""
    name = f"gone{number}"
    program = ("sleep", "3600") if flags else ("/bin/true",)
    command("run", "-d", "--name", name, "--network", "none", IMAGE, *program)
    if not flags:
        command("wait", name)
    if flags and command.name == "skerry":
        flags = (*flags, "-t", "0")  # as Docker does it; Podman first asks the program to end
    return command.timed("rm", *flags, name)


def listings(bench: Bench, containers: int, images: int, work: Path) -> None:
    """Commands that only look."""
    for command in bench.commands:
        for number in range(containers):
            command("create", "--name", f"c{number}", "--network", "none", IMAGE, "/bin/true")
    bench.measure("ps -a", lambda c, _: c.timed("ps", "-a"))
    bench.measure("inspect", lambda c, _: c.timed("inspect", f"c{containers // 2}"))
    context = work / "many"
    context.mkdir()
    for number in range(images):
        (context / "Dockerfile").write_text(f"FROM {IMAGE}\nENV N={number}\n")
        for command in bench.commands:
            command("build", "-q", "-t", f"many{number}", str(context))
    bench.measure(f"images, {images} of them", lambda c, _: c.timed("images"))


def commits(bench: Bench, work: Path) -> None:
    """commit of a container that has 235 MB in 5,000 files."""
    folder = work / "data"
    fill(folder, 5000, 235_000_000)
    for command in bench.commands:
        command(
            "run",
            "--name",
            "full",
            "--network",
            "none",
            "-v",
            f"{folder}:/data:ro",
            IMAGE,
            "cp",
            "-r",
            "/data",
            "/full",
        )

    def committed(command: Command, number: int) -> float:
        sample = command.timed("commit", "full", f"full{number}")
        command("rmi", f"full{number}")
        return sample

    bench.measure("commit, 235 MB", committed, rounds=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--containers", type=int, default=100)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--only", default="", help="names of the first column, separated by commas")
    parser.add_argument("--skerry", default=shutil.which("skerry") or str(TOP / "bin/skerry"))
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("dockerd") or not shutil.which("docker"):
        sys.exit("needs root, docker and dockerd")
    work = Path(tempfile.mkdtemp(prefix="skb", dir="/var/tmp"))
    store = [word for flag in ("root", "runroot", "tmpdir") for word in (f"--{flag}", f"{work}/skerry/{flag}")]
    skerry = Command("skerry", [args.skerry, *store], {})
    try:
        with dockerd(work) as docker:
            skerry("image", "bootstrap", "busybox", "--tag", IMAGE)
            skerry("save", "-o", f"{work}/base.tar", IMAGE)
            docker("load", "-i", f"{work}/base.tar")
            bench = Bench([skerry, docker], args.rounds, {name for name in args.only.split(",") if name})
            print(f"load {os.getloadavg()[0]:.1f}; {docker('version', '-f', '{{.Server.Version}}')}; milliseconds")
            print(f"{'':<28}{'skerry':>10} {'docker':>10} {'ratio':>7}")
            everyday(bench)
            commits(bench, work)
            listings(bench, args.containers, args.images, work)
    finally:
        subprocess.run([*skerry.argv, "system", "reset", "-f"], check=False, capture_output=True)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(str(work)):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
