#!/usr/bin/python3
"""Compare Skerry with the installed Podman on this machine: interleaved in one run, with pauses, as ratios of medians.

    bench/run.py [--quick] [--only NAME,...] [--json FILE] [--rounds N]

Needs root, podman and a quiet machine. Both use private stores in a folder that is removed afterwards. Wall time is what
a user waits; CPU is user plus system of the command and of the children it waited for.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import builds
import images

TOP = Path(__file__).resolve().parents[1]
PAUSE_S = 0.06  # the kernel's RCU is idle again, as it is for a user
CONF = '[containers]\ndefault_ulimits=["nofile=1024:1024","nproc=4096:4096"]\n'
IMAGE = "localhost/busybox:latest"


class Engine:
    """One of the two commands on a private store."""

    def __init__(self, name: str, program: str, top: Path) -> None:
        self.name, self.top = name, top / name
        self.top.mkdir()
        (self.top / "containers.conf").write_text(CONF)
        self.env = {**os.environ, "CONTAINERS_CONF": str(self.top / "containers.conf")}
        self.argv = [program]
        for flag, folder in (
            ("--root", "r"), ("--runroot", "n"), ("--tmpdir", "t"), ("--network-config-dir", "c"), ("--volumepath", "v"),
        ):  # fmt: skip
            self.argv += [flag, str(self.top / folder)]
        self.argv += ["--cgroup-manager", "cgroupfs", "--events-backend", "file"]

    def __call__(self, *args: str, check: bool = True) -> str:
        """Run a command; its output."""
        done = subprocess.run(
            [*self.argv, *args], env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            sys.exit(f"{self.name} {' '.join(args)}: exit code {done.returncode}\n{done.stderr}")
        return done.stdout.strip()

    def timed(self, *args: str) -> tuple[float, float]:
        """Milliseconds of wall time and of CPU."""
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        self(*args)
        wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall * 1000, cpu * 1000


Measure = Callable[[Engine, int], tuple[float, float]]
Peer = Callable[[int], tuple[float, float]]


class Bench:
    """Collects samples: ``results[name][engine]`` is a list of (wall, cpu)."""

    def __init__(self, engines: list[Engine], rounds: int, only: set[str]) -> None:
        self.engines, self.rounds, self.only = engines, rounds, only
        self.results: dict[str, dict[str, list[tuple[float, float]]]] = {}

    def wanted(self, *names: str) -> bool:
        return not self.only or bool(self.only & set(names))

    def measure(self, name: str, what: Measure, rounds: int = 0, peers: Mapping[str, Peer] | None = None) -> None:
        """Both engines, and other ``peers``, in random order, round after round; the first round is a warm-up and
        does not count."""
        if not self.wanted(name):
            return
        runs: dict[str, Peer] = {engine.name: partial(what, engine) for engine in self.engines}
        runs.update(peers or {})
        samples: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
        for number in range((rounds or self.rounds) + 1):
            for who in random.sample(list(runs), len(runs)):
                time.sleep(PAUSE_S)
                sample = runs[who](number)
                if number:
                    samples[who].append(sample)
        self.results[name] = samples
        print(row(name, samples), flush=True)
        for who in peers or {}:
            print(row(f"  beside {who}", samples, who), flush=True)


def median(samples: list[tuple[float, float]], column: int) -> float:
    return statistics.median(sample[column] for sample in samples)


def row(name: str, samples: dict[str, list[tuple[float, float]]], peer: str = "podman") -> str:
    """One line of the table."""
    ours, theirs = samples["skerry"], samples[peer]
    cells = []
    for column in (0, 1):
        a, b = median(ours, column), median(theirs, column)
        cells.append(f"{a:10.1f} {b:10.1f} {a / b if b else float('nan'):7.3f}")
    return f"{name:<28}{'  '.join(cells)}"


def starts(bench: Bench) -> None:
    """run --rm on three kinds of network."""
    command = (IMAGE, "/bin/true")
    bench.measure("run-none", lambda e, _: e.timed("run", "--rm", "--network", "none", *command))
    bench.measure("run-host", lambda e, _: e.timed("run", "--rm", "--network", "host", *command))
    port = {"skerry": "18431:80", "podman": "18432:80"}
    bench.measure("run-bridge-port", lambda e, _: e.timed("run", "--rm", "-p", port[e.name], *command))
    bench.measure("20-starts-4-at-a-time", in_parallel, rounds=max(2, bench.rounds // 5))


def in_parallel(engine: Engine, _: int) -> tuple[float, float]:
    argv = [*engine.argv, "run", "--rm", "--network", "none", IMAGE, "/bin/true"]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        ["xargs", "-P", "4", "-I{}", *argv], input="\n".join(map(str, range(20))), text=True, env=engine.env, check=True
    )
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall * 1000, (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def running(bench: Bench) -> None:
    """exec, logs and memory with running containers."""
    if not bench.wanted("exec", "logs", "memory-per-container"):
        return
    for engine in bench.engines:
        engine("run", "-d", "--name", "box", "--network", "none", IMAGE, "sh", "-c", "seq 100; exec sleep 3600")
    bench.measure("exec", lambda e, _: e.timed("exec", "box", "/bin/true"))
    bench.measure("logs", lambda e, _: e.timed("logs", "box"))
    if bench.wanted("memory-per-container"):
        for engine in bench.engines:
            for number in range(9):
                engine("run", "-d", "--name", f"m{number}", "--network", "none", IMAGE, "sleep", "3600")
        samples = {e.name: [(monitor_memory_kb(e) / 10, monitor_memory_kb(e) / 10)] for e in bench.engines}
        bench.results["memory-per-container"] = samples
        print(row("memory-per-container (kB)", samples), flush=True)
    for engine in bench.engines:
        engine("rm", "-fa", "-t", "0")


def monitor_memory_kb(engine: Engine) -> float:
    """Private memory of all processes on the host that serve this store's containers."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if str(engine.top).encode() not in (entry / "cmdline").read_bytes():
                continue
            lines = (entry / "smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(float(line.split()[1]) for line in lines if line.startswith("Private_"))
    return total


def listings(bench: Bench, count: int) -> None:
    """Commands that only look, with many containers."""
    if not bench.wanted("ps", "inspect", "images"):
        return
    for engine in bench.engines:
        for number in range(count):
            engine("create", "--name", f"c{number}", "--network", "none", IMAGE, "/bin/true")
    bench.measure("ps", lambda e, _: e.timed("ps", "-a"))
    bench.measure("inspect", lambda e, _: e.timed("inspect", f"c{count // 2}"))
    bench.measure("images", lambda e, _: e.timed("images"))
    for engine in bench.engines:
        engine("rm", "-fa")


def archives(bench: Bench, work: Path, megabytes: int) -> None:
    """load and save of a large image, each load on a fresh file system (ext4 avoids inodes deleted lately)."""
    if not bench.wanted("load", "save"):
        return
    archive = large_archive(work, megabytes)
    bench.measure("load", lambda e, n: on_fresh_store(e, work, n, "load", "-i", str(archive)), rounds=3)
    for engine in bench.engines:
        engine("load", "-i", str(archive))
    bench.measure("save", lambda e, n: saved(e, work / f"saved-{n}.tar"), rounds=3)


def saved(engine: Engine, target: Path) -> tuple[float, float]:
    target.unlink(missing_ok=True)
    sample = engine.timed("save", "-o", str(target), "localhost/large:latest")
    target.unlink()
    return sample


def on_fresh_store(engine: Engine, work: Path, number: int, *args: str) -> tuple[float, float]:
    with fresh_store(engine, work, number) as there:
        return there.timed(*args)


@contextmanager
def fresh_store(engine: Engine, work: Path, number: int) -> Iterator[Engine]:
    """The engine with a store on a new file system."""
    disk, point = work / "disk.img", work / "disk"
    point.mkdir(exist_ok=True)
    disk.unlink(missing_ok=True)
    subprocess.run(["truncate", "-s", "3G", disk], check=True)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0", disk], check=True)
    subprocess.run(["mount", "-o", "loop", disk, point], check=True)
    try:
        there = engine.__class__.__new__(engine.__class__)
        there.__dict__.update(engine.__dict__)
        there.argv = list(engine.argv)
        there.argv[there.argv.index("--root") + 1] = str(point / f"root{number}")
        yield there
    finally:
        subprocess.run(["umount", "-R", "-l", point], check=False)


def large_archive(work: Path, megabytes: int) -> Path:
    """The archive of the large image, made once."""
    archive = work / "large.tar"
    if not archive.exists():
        make_image(archive, megabytes)
    return archive


def make_image(archive: Path, megabytes: int) -> None:
    """A docker-archive of one layer: files of 2 to 60 kB, a quarter of them not compressible."""
    import hashlib
    import io
    import tarfile

    layer = archive.with_suffix(".layer")
    rng = random.Random(1)
    with tarfile.open(layer, "w") as tar:
        size, number = 0, 0
        while size < megabytes << 20:
            length = rng.randrange(2000, 60000)
            data = rng.randbytes(length) if number % 4 == 0 else (b"line %d of a text\n" % number) * (length // 16)
            info = tarfile.TarInfo(f"data/{number % 97}/{number}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
            size, number = size + len(data), number + 1
    with layer.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    config = json.dumps({
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine), "os": "linux",
        "config": {}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()  # fmt: skip
    name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": name, "RepoTags": ["localhost/large:latest"], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for entry, data in ((name, config), ("manifest.json", manifest)):
            info = tarfile.TarInfo(entry)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        tar.add(layer, "layer.tar")
    layer.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds, 20 containers, a 40 MB image")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--only", default="", help="names of the first column, separated by commas")
    parser.add_argument("--json", default="", help="write every sample to this file")
    parser.add_argument("--skerry", default=shutil.which("skerry") or str(TOP / "bin/skerry"))
    args = parser.parse_args()
    if os.geteuid() != 0 or not shutil.which("podman"):
        sys.exit("needs root and podman")
    work = Path(tempfile.mkdtemp(prefix="skb", dir="/var/tmp"))
    engines = [Engine("skerry", args.skerry, work), Engine("podman", "podman", work)]
    bench = Bench(engines, args.rounds or (5 if args.quick else 21), {n for n in args.only.split(",") if n})
    try:
        base = work / "busybox.tar"
        engines[0]("image", "bootstrap", "busybox", "--tag", IMAGE)
        engines[0]("save", "-o", str(base), IMAGE)
        engines[1]("load", "-i", str(base))
        load = os.getloadavg()
        print(
            f"{os.uname().release}, {os.cpu_count()} cores, load {load[0]:.1f}; {engines[1]('--version')}; milliseconds"
        )
        print(f"{'':<28}{'wall':>10} {'podman':>10} {'ratio':>7}  {'cpu':>10} {'podman':>10} {'ratio':>7}")
        starts(bench)
        running(bench)
        listings(bench, 20 if args.quick else 100)
        archives(bench, work, 40 if args.quick else 400)
        images.all_of(bench, work, 40 if args.quick else 400)
        builds.builds(bench, work, fresh_store, quick=args.quick)
    finally:
        for engine in engines:
            engine("rm", "-fa", "-t", "0", check=False)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(str(work)):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
        shutil.rmtree(work, ignore_errors=True)
    if args.json:
        Path(args.json).write_text(json.dumps({"load": load, "samples": bench.results}, indent=1))


if __name__ == "__main__":
    main()
