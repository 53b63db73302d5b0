"""A store of its own that commands are killed in, and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
LAUNCHER = os.environ.get("SKERRY_BIN", str(TOP / "bin" / "skerry"))


class World:
    """One store below ``top``; `run` calls the real command on it."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.globals = [
            *("--root", str(top / "root"), "--runroot", str(top / "run"), "--tmpdir", str(top / "tmp")),
            *("--network-config-dir", str(top / "networks"), "--volumepath", str(top / "root/volumes")),
        ]

    def copy_to(self, top: Path) -> World:
        """The same store at another place (nothing in it runs)."""
        top.mkdir(parents=True)
        shutil.copytree(self.top / "root", top / "root", symlinks=True)
        return World(top)

    def run(
        self, *words: str, crash_at: str = "", trace: Path | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        env = dict(os.environ)
        if crash_at:
            env["SKERRY_CRASH_AT"] = crash_at
        if trace:
            env["SKERRY_TRACE_STEPS"] = str(trace)
        return subprocess.run(
            [LAUNCHER, *self.globals, *words], capture_output=True, text=True, env=env, timeout=timeout,
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

    def leaks(self) -> list[str]:
        """What this store still holds of the kernel although nothing of it runs."""
        found = [
            f"mount {line.split()[1]}"
            for line in Path("/proc/self/mounts").read_text().splitlines()
            if str(self.top) in line
        ]
        found += [f"process {pid}" for pid in self.processes()]
        for folder in ("run/containers", "run/netns", "root/staging", "root/containers"):
            path = self.top / folder
            found += [f"{folder}/{name}" for name in (os.listdir(path) if path.exists() else ())]
        return found

    def processes(self) -> list[str]:
        """Processes that have this store's path on their command line."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes()
            except OSError:
                continue
            if os.fsencode(str(self.top / "run")) in line:
                found.append(f"{pid} {line[:60]!r}")
        return found

    def settle(self, seconds: float = 5) -> None:
        """Wait for helpers that are about to end (conmon's exit command)."""
        deadline = time.monotonic() + seconds
        while self.processes() and time.monotonic() < deadline:
            time.sleep(0.05)

    def destroy(self) -> None:
        self.run("rm", "-fa", "-t", "0")
        self.settle()
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            if str(self.top) in line:
                subprocess.run(["umount", "-l", line.split()[1]], check=False)
        shutil.rmtree(self.top, ignore_errors=True)
