"""What commands cost as the number of containers grows: an even price each, or something is quadratic.

    python3 bench/many.py [--running 25,50,100] [--created 125,250,500]

For each number: milliseconds of wall and of processor time of the command itself and its children that it waited for.
The last columns are what has to stay flat: the time for one container of those that a command is about.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LAUNCHER = os.environ.get("SKERRY_BIN", str(Path(__file__).resolve().parents[1] / "bin" / "skerry"))


class Store:
    """A store of its own below ``top``."""

    def __init__(self, top: str, network: str) -> None:
        self.argv = [LAUNCHER, "--root", f"{top}/root", "--runroot", f"{top}/run", "--tmpdir", f"{top}/tmp"]
        self.network = ["--network", network]

    def __call__(self, *words: str) -> tuple[float, float]:
        """Milliseconds of wall and processor."""
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run([*self.argv, *words], capture_output=True, check=False, stdin=subprocess.DEVNULL)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode:
            sys.exit(f"{' '.join(words)}: {done.stderr.decode()}")
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return wall * 1000, cpu * 1000

    def best(self, *words: str) -> tuple[float, float]:
        """Of three times."""
        return min((self(*words) for _ in range(3)), key=lambda each: each[1])


def row(name: str, measured: tuple[float, float], count: int = 0) -> None:
    each = f"{measured[0] / count:9.2f} {measured[1] / count:9.2f}" if count else ""
    print(f"{name:32} {measured[0]:10.1f} {measured[1]:10.1f}  {each}", flush=True)


def with_running(store: Store, count: int) -> None:
    began = time.monotonic()
    for number in range(count - 1):
        store("run", "-d", "--name", f"r{number}", *store.network, "bb", "sleep", "100000")
    print(f"\n{count} running ({(time.monotonic() - began) * 1000 / count:.0f} ms each to start)")
    row("start of one more", store("run", "-d", "--name", "last", *store.network, "bb", "sleep", "100000"))
    row("run --rm", store.best("run", "--rm", *store.network, "bb", "true"))
    row("exec", store.best("exec", "last", "true"))
    row("ps", store.best("ps"), count)
    row("inspect of one", store.best("inspect", "last"))
    row(
        "publish a port of one more", store("run", "-d", *store.network, "-p", "127.0.0.1::80", "bb", "sleep", "100000")
    )
    row("port -a", store.best("port", "-a"), count)
    row("network ls", store.best("network", "ls"))
    row("network inspect", store.best("network", "inspect", "podman"), count)
    row("events of all that", store.best("events", "--stream=false", "--since", "1h"), count)
    row("stats --no-stream", store("stats", "--no-stream"), count)
    row("system check", store("system", "check"), count)
    row("restart of one", store("restart", "-t", "0", "last"))
    row("stop -a", store("stop", "-t", "0", "-a"), count)
    row("start -a", store("start", "--all"), count)
    row("rm -fa", store("rm", "-t", "0", "-fa"), count)


def with_created(store: Store, count: int) -> None:
    for number in range(count):
        store("create", "--name", f"c{number}", *store.network, "bb", "true")
    print(f"\n{count} existing")
    row("create of one more", store("create", "--name", "last", *store.network, "bb", "true"))
    row("run --rm", store.best("run", "--rm", *store.network, "bb", "true"))
    row("ps", store.best("ps"))
    row("ps -a", store.best("ps", "-a"), count)
    row("ps -a --filter name", store.best("ps", "-a", "--filter", "name=c1"), count)
    row("inspect of one", store.best("inspect", "last"))
    row("inspect of all", store.best("inspect", *(f"c{number}" for number in range(count))), count)
    row("rm of one", store("rm", "last"))
    row("images", store.best("images"))
    row("system df", store.best("system", "df"), count)
    row("system check", store("system", "check"), count)
    row("rm -a", store("rm", "-a"), count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--running", default="25,50,100")
    parser.add_argument("--created", default="125,250,500")
    parser.add_argument("--network", default="bridge")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="skm") as top:
        store = Store(top, args.network)
        store("image", "bootstrap", "busybox", "--tag", "bb")
        print(f"{'':32} {'wall ms':>10} {'cpu ms':>10}  {'wall each':>9} {'cpu each':>9}")
        try:
            for counts, measure in ((args.running, with_running), (args.created, with_created)):
                for count in map(int, filter(None, counts.split(","))):
                    measure(store, count)
        finally:
            store("rm", "-t", "0", "-fa")


if __name__ == "__main__":
    main()
