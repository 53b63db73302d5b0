"""What a test left on the host: mounts, processes, network namespaces, cgroups, leases, rules, staging folders.

Everything is looked up by this test's folder and its containers' ids, so that tests can run beside each other and
beside other engines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.support.command import Skerry

# Clean-up that conmon's exit command does in the background may end a moment after `rm -f` returned; on a busy machine
# a long one.
PATIENCE_S = 30.0


class Leaks:
    """``find()`` what is left, ``clean()`` it so that the next test starts clean."""

    def __init__(self, command: Skerry) -> None:
        self.command = command
        self.folder = str(command.top)

    def find(self) -> list[str]:
        """One line for each thing that is left after a moment's patience."""
        end = time.monotonic() + PATIENCE_S
        while (found := self._now()) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def clean(self) -> None:
        """Kill and unmount what is left."""
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it ended meanwhile
        for target in reversed(self.mounts()):
            subprocess.run(["umount", "-l", target], check=False, capture_output=True)
        for path in self.cgroups():
            try:
                path.rmdir()
            except OSError:
                pass  # its processes are still dying; the next run of the sweep finds it

    def _now(self) -> list[str]:
        checks: tuple[tuple[str, Callable[[], object]], ...] = (
            ("mount", self.mounts), ("process", self.described_processes), ("cgroup", self.cgroups),
            ("lease", self.leases), ("rule", self.rules), ("staging folder", self.staging),
        )  # fmt: skip
        return [f"{kind}: {each}" for kind, look in checks for each in look()]  # type: ignore[attr-defined]

    def mounts(self) -> list[str]:
        """Mount points in the test's folder; network namespaces are among them."""
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
            targets = [line.split()[4] for line in lines]
        return [target for target in targets if target.startswith(self.folder + "/")]

    def processes(self) -> list[int]:
        """Processes whose command line names the test's folder or one of its containers (conmon, crun, pasta …)."""
        words = [(self.folder + "/").encode(), *(each.encode() for each in self.command.container_ids())]
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                try:
                    line = Path(f"/proc/{name}/cmdline").read_bytes()
                except OSError:
                    continue
                if any(word in line for word in words):
                    found.append(int(name))
        return found

    def described_processes(self) -> list[str]:
        """The same, to be read."""
        found = []
        for pid in self.processes():
            try:
                line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found.append(f"{pid} {line[:300]}")
        return found

    def cgroups(self) -> list[Path]:
        """Control groups of the test's containers."""
        ids = self.command.container_ids()
        if not ids:
            return []
        # Not Path.glob: other tests' groups come and go meanwhile, and it stumbles over that.
        folders = (Path(top) / name for top, names, _ in os.walk("/sys/fs/cgroup") for name in names)
        return [path for path in folders if "libpod-" in path.name and any(i in path.name for i in ids)]

    def links(self) -> list[str]:
        """Ends of pairs on the host."""
        starts = tuple(f"sk{each[:7]}" for each in self.command.container_ids())
        return [name for name in os.listdir("/sys/class/net") if name.startswith(starts)] if starts else []

    def leases(self) -> list[str]:
        """Addresses and ports that the host still keeps for the test's containers."""
        ids = self.command.container_ids()
        return [str(path) for path in _found("*/leases/*") if path.name.partition(".")[0] in ids]

    def rules(self) -> list[str]:
        """Entries of other kinds that name the test's containers: ports, addresses."""
        ids = self.command.container_ids()
        found = []
        for kind in ("ports", "addresses/*"):
            for path in _found(f"*/{kind}/*"):
                try:
                    if path.is_file() and path.read_text().strip() in ids:
                        found.append(str(path))
                except OSError:
                    continue  # given back meanwhile
        return found

    def staging(self) -> list[str]:
        """Staging folders that nobody finished or removed."""
        return [str(path) for path in (self.command.root / "staging").glob("*") if path.is_dir()]


def _found(pattern: str) -> list[Path]:
    """Of what all stores of this host share, so that a folder may go while it is looked through."""
    while True:
        try:
            return list(Path("/run/skerry/net").glob(pattern))
        except FileNotFoundError:
            continue
