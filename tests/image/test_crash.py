"""Killed at every durable step of load, tag and rmi: the next command works and nothing that was done is lost."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.image.archives import docker_members, tar_of, write

LAUNCHER = Path(__file__).resolve().parents[2] / "bin" / "skerry"
COMMANDS = (["load", "-i", "ARCHIVE"], ["tag", "one", "other"], ["untag", "one", "other"], ["rmi", "one"])


class Store:
    """``store("images")`` on a private root, optionally killed at a step."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.archive = write(top / "a.tar", docker_members(tar_of({"a": b"1"}), tar_of({"b": b"2"}), tags=["one"]))

    def __call__(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        options = ["--root", f"{self.top}/root", "--runroot", f"{self.top}/run", "--tmpdir", f"{self.top}/tmp"]
        argv = [str(LAUNCHER), *options, *(self.archive if word == "ARCHIVE" else word for word in words)]
        return subprocess.run(
            argv, capture_output=True, text=True, env={**os.environ, **env}, timeout=60, check=False
        )  # fmt: skip

    def steps(self, *words: str) -> list[str]:
        """The steps of a command, each with its count."""
        trace = self.top / "trace"
        self(*words, SKERRY_TRACE_STEPS=str(trace))
        names = trace.read_text().split() if trace.exists() else []
        trace.unlink(missing_ok=True)
        return [f"{name}:{names[: n + 1].count(name)}" for n, name in enumerate(names)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def _prepare(store: Store, position: int) -> None:
    for command in COMMANDS[:position]:
        assert store(*command).returncode == 0


@pytest.mark.parametrize("position", range(len(COMMANDS)), ids=[words[0] for words in COMMANDS])
def test_a_killed_command_is_done_again(position: int, tmp_path: Path) -> None:
    dry = Store(tmp_path)
    _prepare(dry, position)
    steps = dry.steps(*COMMANDS[position])
    assert steps
    for number, step in enumerate(steps):
        top = tmp_path / str(number)
        top.mkdir()
        store = Store(top)
        _prepare(store, position)
        killed = store(*COMMANDS[position], SKERRY_CRASH_AT=step)
        assert killed.returncode == -9, (step, killed.stderr)
        assert store("images", "-q").returncode == 0
        store(*COMMANDS[position])  # again, if it had not been done yet
        names = store("images", "-q").stdout
        assert bool(names) == (COMMANDS[position][0] != "rmi"), step
