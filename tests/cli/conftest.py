"""The real command, on a store of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
LAUNCHER = TOP / "bin" / "skerry"


class Result:
    """What one command line did."""

    def __init__(self, done: subprocess.CompletedProcess[bytes]) -> None:
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "surrogateescape")
        self.err = done.stderr.decode("utf-8", "surrogateescape")


class CommandLine:
    """``cli("volume", "ls")``: run bin/skerry on a private store."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.globals = [
            *("--root", str(top / "root"), "--runroot", str(top / "run"), "--tmpdir", str(top / "tmp")),
            *("--network-config-dir", str(top / "networks"), "--volumepath", str(top / "volumes")),
        ]

    def __call__(self, *words: str, plain: bool = False, env: dict[str, str] | None = None) -> Result:
        argv = [str(LAUNCHER), *([] if plain else self.globals), *words]
        environment = {**os.environ, "NO_COLOR": "1", **(env or {})}
        return Result(subprocess.run(argv, capture_output=True, env=environment, timeout=60, check=False))


@pytest.fixture
def cli(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)


@pytest.fixture
def pty_run() -> Callable[..., str]:
    """Run a command with a terminal as its output; what it printed."""

    def run(argv: list[str], env: dict[str, str] | None = None) -> str:
        leader, follower = os.openpty()
        process = subprocess.Popen(
            argv, stdin=follower, stdout=follower, stderr=follower, env={**os.environ, **(env or {})}
        )
        os.close(follower)
        parts = []
        while True:
            try:
                data = os.read(leader, 65536)
            except OSError:  # EIO: the last holder of the other end is gone
                break
            if not data:
                break
            parts.append(data)
        process.wait(timeout=30)
        os.close(leader)
        return b"".join(parts).decode()

    return run
