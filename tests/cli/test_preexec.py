"""An administrator's programs that are asked before every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PATH = "/etc/containers/podman_preexec_hooks.txt"
# The gate is a file of the host's: here its path is said to be there, and nothing else.
CODE = f"""
import os, sys
sys.path.insert(0, {str(TOP / "src")!r})
access = os.access
os.access = lambda path, mode, **more: sys.argv[1] == "open" if path == {PATH!r} else access(path, mode, **more)
from skerry.cli.main import main
main(sys.argv[2:])
"""


@pytest.fixture
def hooks(tmp_path: Path) -> Path:
    for name, text in (
        ("10-log", f'echo "$@" >> {tmp_path}/asked; exit 0'),
        ("20-check", 'case "$*" in *"pull foobar"*) exit 42;; *version*) exit 0;; esac; exit 43'),
        ("30-never", f"touch {tmp_path}/never"),
    ):
        path = tmp_path / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    (tmp_path / "hooks/00-no-program").write_text("exit 1\n")
    return tmp_path / "hooks"


def run(hooks: Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PODMAN_PREEXEC_HOOKS_DIR": str(hooks)}
    return subprocess.run([sys.executable, "-c", CODE, *words], env=env, capture_output=True, text=True, check=False)


def test_the_first_that_refuses_decides(hooks: Path, tmp_path: Path) -> None:
    assert run(hooks, "open", "pull", "foobar").returncode == 42
    assert run(hooks, "open", "pull", "barfoo").returncode == 43
    assert not (tmp_path / "never").exists()
    assert "pull foobar" in (tmp_path / "asked").read_text()


def test_what_none_refuses_is_done(hooks: Path, tmp_path: Path) -> None:
    done = run(hooks, "open", "--version")
    assert (done.returncode, done.stdout.startswith("skerry version")) == (0, True)
    assert (tmp_path / "never").exists()


def test_none_is_asked_without_the_file_that_says_so(hooks: Path, tmp_path: Path) -> None:
    assert run(hooks, "shut", "--version").returncode == 0
    assert not (tmp_path / "asked").exists()
