"""The examples run as they stand."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.support.command import TOP, Skerry


def test_the_library_s_example_runs(skerry: Skerry, busybox: str) -> None:
    words = [
        f"root={skerry.root}", f"runroot={skerry.runroot}", f"tmpdir={skerry.top}/tmp", f"network_config_dir={skerry.top}/net",
        f"volumepath={skerry.top}/vol",
    ]  # fmt: skip
    env = {**os.environ, "PYTHONPATH": str(TOP / "src")}
    argv = [sys.executable, str(TOP / "examples/library.py"), *words]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "is running" in done.stdout
    assert busybox in skerry("images", "--format", "{{.Repository}}:{{.Tag}}").lines


def test_the_project_with_two_stages_builds_and_runs(skerry: Skerry, busybox: str) -> None:
    env = {**os.environ, "SKERRY": " ".join(skerry.argv)}
    done = subprocess.run(
        [str(TOP / "examples/greeter/build.sh")], env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "pages made so far: 2" in done.stdout
    assert "<title>Greetings</title><pre>\nGood morning.\n</pre>" in done.stdout
