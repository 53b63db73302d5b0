"""The real command on a private store."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


class Result:
    """What one command line did."""

    def __init__(self, argv: list[str], code: int, stdout: bytes, stderr: bytes) -> None:
        self.argv, self.code = argv, code
        self.raw = stdout
        self.stdout = stdout.decode("utf-8", "surrogateescape")
        self.stderr = stderr.decode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        """stdout's lines."""
        return self.stdout.splitlines()

    @property
    def id(self) -> str:
        """The one word that stdout is: what run -d and create print."""
        (word,) = self.stdout.split()
        return word

    def __repr__(self) -> str:
        return f"{' '.join(self.argv)}: exit code {self.code}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class Skerry:
    """Call it with a command's words. SKERRY_BIN names another command than this checkout's."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.root, self.runroot = top / "root", top / "run"
        self.program = os.environ.get("SKERRY_BIN", str(TOP / "bin" / "skerry"))

    @property
    def argv(self) -> list[str]:
        """The command with the global flags of this store."""
        return [
            self.program,
            *("--root", str(self.root), "--runroot", str(self.runroot), "--tmpdir", str(self.top / "tmp")),
            *("--network-config-dir", str(self.top / "net"), "--volumepath", str(self.top / "vol")),
            *("--events-backend", "file"),
        ]

    def __call__(
        self, *args: str | Path, check: bool = True, input: str | bytes | None = None,
        env: Mapping[str, str] | None = None, timeout: float = 60,
    ) -> Result:  # fmt: skip
        """Run it to its end. ``check``: any other exit code than 0 fails the test."""
        argv = [*self.argv, *map(str, args)]
        data = input.encode() if isinstance(input, str) else input
        stdin = {"input": data} if data is not None else {"stdin": subprocess.DEVNULL}
        done = subprocess.run(  # type: ignore[call-overload]
            argv,
            capture_output=True,
            check=False,
            timeout=timeout,
            env={**os.environ, "NO_COLOR": "1", **(env or {})},
            **stdin,
        )
        result = Result(["skerry", *map(str, args)], done.returncode, done.stdout, done.stderr)
        if check:
            assert result.code == 0, repr(result)
        return result

    def popen(self, *args: str | Path, **options: object) -> subprocess.Popen[bytes]:
        """Start it, with pipes unless ``options`` say otherwise."""
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([*self.argv, *map(str, args)], **options)  # type: ignore[call-overload, no-any-return]

    def container_ids(self) -> set[str]:
        """Every container that this store ever had, removed ones too: from its events and its folders."""
        ids = set()
        # Not Path.glob: a sweep may remove folders meanwhile, and it stumbles over that.
        for events in (Path(top) / "events.log" for top, _, names in os.walk(self.top) if "events.log" in names):
            for line in events.read_text(errors="replace").splitlines():
                # Only containers': an image's id is the same in all tests, and would mean the processes of others.
                if '"Type":"container"' in line:
                    ids.update(re.findall('"ID":"([0-9a-f]{64})"', line))  # no JSON: a full disk leaves half lines
        for folder in (self.root / "containers", self.runroot / "containers"):
            ids.update(path.name for path in folder.glob("*") if len(path.name) == 64)
        return ids

    def remove_everything(self) -> None:
        """All containers, however they are. A test that never made a store costs nothing."""
        if (self.root / "skerry.db").exists():
            self("rm", "-fa", "-t", "0", check=False)


def eventually(condition: Callable[[], object], *, timeout: float = 60, every: float = 0.02) -> None:
    """Wait until ``condition`` holds; an AssertionError when it does not in time."""
    end = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(every)
