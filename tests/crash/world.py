"""A store of its own that commands are killed in, and what must hold afterwards."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.support.command import Skerry
from tests.support.leaks import Leaks

TOP = Path(__file__).resolve().parents[2]
LAUNCHER = os.environ.get("SKERRY_BIN", str(TOP / "bin" / "skerry"))


THOROUGH = bool(os.environ.get("SKERRY_THOROUGH"))


def _waits_for_idle_bridges(pid: str) -> bool:
    """Whether it is the host's helper that removes unused bridges in a second. It holds no lock but its own."""
    return any(os.readlink(fd).endswith("/idle") for fd in Path(f"/proc/{pid}/fd").iterdir())


def stray_elements() -> list[str]:
    """Ports published on 127.0.0.1, as all here are, that lead to an address that no container of this host has."""
    found = []
    for folder in Path("/run/skerry/net").glob(f"{os.stat('/proc/self/ns/net').st_ino}-*"):
        with open(folder / "lock", "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # nobody is half-way
            done = subprocess.run(
                ["nft", "-j", "list", "table", "inet", "skerry"], capture_output=True, text=True, check=False
            )
            leased = {path.name for path in folder.glob("addresses/*/*")}
        for item in json.loads(done.stdout)["nftables"] if done.returncode == 0 else ():
            for element in item.get("map", {}).get("elem", ()):
                address = element[1]["concat"][0] if isinstance(element[1], dict) else element[1]
                if element[0]["concat"][0] == "127.0.0.1" and address not in leased:
                    found.append(f"{item['map']['name']}: {element}")
    return found


class World:
    """One store below ``top``; `run` calls the real command on it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.globals = [
            *("--root", str(top / "root"), "--runroot", str(top / "run"), "--tmpdir", str(top / "tmp")),
            *("--network-config-dir", str(top / "networks"), "--volumepath", str(top / "root/volumes")),
            *("--events-backend", "file"),
        ]

    def copy_to(self, top: Path) -> World:
        """The same store at another place (nothing in it runs)."""
        top.mkdir(parents=True)
        skip = shutil.ignore_patterns("layers", "reserve")
        shutil.copytree(self.top / "root", top / "root", symlinks=True, ignore=skip)
        # Nobody writes into layers.
        shutil.copytree(self.top / "root/layers", top / "root/layers", symlinks=True, copy_function=os.link)
        return World(top)

    def run(
        self,
        *words: str,
        crash_at: str = "",
        trace: Path | None = None,
        timeout: float = 60,
        within: Sequence[str] = (),
    ) -> subprocess.CompletedProcess[str]:
        env = dict(os.environ)
        if crash_at:
            env["SKERRY_CRASH_AT"] = crash_at
        if trace:
            env["SKERRY_TRACE_STEPS"] = str(trace)
        return subprocess.run(
            [*within, LAUNCHER, *self.globals, *words], capture_output=True, text=True, env=env, timeout=timeout,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def ok(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, f"{words}: {done.returncode}: {done.stderr}"
        return done.stdout.strip()

    def steps(self, *words: str) -> list[str]:
        """The durable steps that a command goes through, as ``name:count``, in order."""
        trace = self.top / "trace"
        self.run(*words, trace=trace)
        counts: dict[str, int] = {}
        result = []
        for name in trace.read_text().split() if trace.exists() else ():
            counts[name] = counts.get(name, 0) + 1
            result.append(f"{name}:{counts[name]}")
        trace.unlink(missing_ok=True)
        return result

    def whole_again(self, what: str) -> None:
        """After ``what``, the commands that a user types next work, a check repairs, and nothing leaks."""
        for words in (("ps", "-a"), ("images",), ("volume", "ls")):
            done = self.run(*words)
            assert done.returncode == 0, f"{what}: {words}: {done.stderr}"
        self.run("system", "check", "--repair")
        again = self.run("system", "check")
        assert again.returncode == 0, f"{what}: still to repair: {again.stdout}{again.stderr}"
        if self.run("image", "exists", "bb").returncode:
            self.ok("load", "-q", "-i", str(self.top / "../bb.tar"))
        self.ok("run", "--rm", "bb", "true")
        for name in self.ok("ps", "-aq", "--no-trunc").split():
            self.ok("rm", "-f", "-t", "0", name)
        self.ok("image", "unmount", "-a")
        self.settle()
        assert self.leaks() == [], what

    def leaks(self) -> list[str]:
        """What this store still holds of the host although nothing of it runs.

        The kernel takes interfaces away in the background: some patience."""
        deadline = time.monotonic() + 30
        while (found := self.held()) and time.monotonic() < deadline:
            time.sleep(0.1)
        return found

    def held(self) -> list[str]:
        """What `leaks` lists, as it is now."""
        host = Leaks(Skerry(self.top))
        found = [f"mount {path}" for path in host.mounts()] + [f"process {line}" for line in self.processes()]
        for folder in ("run/containers", "run/netns", "run/clients", "root/staging", "root/containers"):
            path = self.top / folder
            found += [f"{folder}/{name}" for name in (os.listdir(path) if path.exists() else ())]
        locks = self.top / "root/locks"
        found += [f"lock {path.name}" for path in locks.glob("container-*")]
        found += [f"cgroup {path}" for path in host.cgroups()]
        found += [f"lease {path}" for path in (*host.leases(), *host.rules())]
        found += [f"link {name}" for name in host.links()]
        # Other engines' and other roots' elements look the same: only where nobody else uses this host's network.
        return found + ([f"firewall {element}" for element in stray_elements()] if THOROUGH else [])

    def processes(self) -> list[str]:
        """Processes that have this store's path on their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
                if os.fsencode(str(self.top / "run")) in line and not _waits_for_idle_bridges(pid):
                    found.append(f"{pid} {line[:60]!r}")
            except OSError:
                continue  # it ended
        return found

    def settle(self, seconds: float = 30) -> None:
        """Wait for helpers that are about to end (conmon's exit command)."""
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)

    def destroy(self) -> None:
        self.run("rm", "-fa", "-t", "0")
        self.settle()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if f"{self.top}/" in line:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(self.top, ignore_errors=True)
