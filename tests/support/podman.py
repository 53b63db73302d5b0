"""The installed Podman on a private store, as the peer to compare with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.support.command import Result

# Where root lacks CAP_SYS_RESOURCE, Podman's own default limits cannot be raised and every container would fail.
CONF = '[containers]\ndefault_ulimits=["nofile=1024:1024","nproc=4096:4096"]\n'


class Podman:
    """``podman("ps")``. Its firewall rules and locks are the host's: use other ports and names than elsewhere."""

    def __init__(self, top: Path) -> None:
        self.top = top
        top.mkdir()
        (top / "containers.conf").write_text(CONF)
        self.argv = [
            "podman",
            *("--root", f"{top}/root", "--runroot", f"{top}/run", "--tmpdir", f"{top}/tmp"),
            *("--network-config-dir", f"{top}/net", "--volumepath", f"{top}/vol", "--events-backend", "file"),
            *("--cgroup-manager", "cgroupfs"),
        ]
        self.env = {**os.environ, "CONTAINERS_CONF": f"{top}/containers.conf"}

    def __call__(
        self, *args: str | Path, check: bool = True, input: str | bytes | None = None,
        env: Mapping[str, str] | None = None, timeout: float = 120,
    ) -> Result:  # fmt: skip
        """Run it to its end."""
        argv = [*self.argv, *map(str, args)]
        data = input.encode() if isinstance(input, str) else input
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(  # type: ignore[call-overload]
            argv, capture_output=True, check=False, timeout=timeout, env={**self.env, **(env or {})}, **stdin
        )
        result = Result(["podman", *map(str, args)], done.returncode, done.stdout, done.stderr)
        if check:
            assert result.code == 0, repr(result)
        return result

    def end(self) -> None:
        """Remove its containers and unmount what it holds."""
        self("rm", "-fa", "-t", "0", check=False)
        with open("/proc/self/mountinfo", encoding="utf-8") as lines:
            targets = [line.split()[4] for line in lines]
        for target in reversed([t for t in targets if t.startswith(f"{self.top}/")]):
            subprocess.run(["umount", "-l", target], check=False, capture_output=True)
