"""SIGKILL of a builder at each of its steps, and in mid-RUN: the next command leaves nothing, finished steps stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.crash.world import THOROUGH, World

from skerry.linux.namespaces import CLONE_NEWNET, unshare

BUILDER = Path(__file__).resolve().parents[1] / "engine/builds/builder.py"
AT_ONCE = 4


def builder(world: World, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, str(BUILDER), str(world.top), *words]
    return subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **env},
    )


def in_a_network_of_its_own() -> None:
    """For this thread and what it starts: there is no bridge yet, so that each world makes (and is killed making) it."""
    unshare(CLONE_NEWNET)


def steps_of(world: World) -> list[str]:
    in_a_network_of_its_own()
    trace = world.top / "trace"
    done = builder(world, "steps", "bb", SKERRY_TRACE_STEPS=str(trace))
    assert done.returncode == 0, done.stderr
    counts: dict[str, int] = {}
    result = []
    for name in trace.read_text().split():
        counts[name] = counts.get(name, 0) + 1
        result.append(f"{name}:{counts[name]}")
    trace.unlink()
    return result


def left(world: World, *, commands: bool = False) -> list[str]:
    """After some patience: who watches over a builder may be sweeping at this moment. With ``commands`` more of them
    follow: the watcher may have had the lock when the first one looked."""
    deadline = time.monotonic() + 60
    while (found := _left(world)) and time.monotonic() < deadline:
        time.sleep(0.1)
        if commands:
            world.ok("ps")
    return found


def _left(world: World) -> list[str]:
    found = [item for item in world.held() if not item.startswith("root/staging")]  # that is for `system check`
    for folder in ("root/builds/roots", "run/builds", "run/crun"):
        found += [f"{folder}/{path.name}" for path in (world.top / folder).glob("*")]
    return found


def survives(world: World, step: str) -> str:
    """What is wrong after a kill at ``step``; empty when all is well."""
    in_a_network_of_its_own()
    killed = builder(world, "steps", "bb", SKERRY_CRASH_AT=step)
    if killed.returncode != -signal.SIGKILL:
        return f"was not killed: {killed.returncode} {killed.stderr}"
    finished = {row for row in ("key-1", "key-2") if _is_recorded(world, row)}
    world.ok("ps")
    if found := left(world, commands=True):
        return f"left {found}"
    world.run("system", "check", "--repair")
    check = world.run("system", "check")
    if check.returncode:
        return f"check: {check.stdout} {check.stderr}"
    again = builder(world, "steps", "bb")
    if again.returncode or set(again.stdout.split()) != {"key-1", "key-2"} - finished:
        return f"again: {again.stdout} {again.stderr}, finished were {finished}"
    if world.ok("run", "--rm", "--network", "none", "built", "cat", "/file-1", "/file-2").split() != ["1", "2"]:
        return "the image is another"
    return f"left in the end {found}" if (found := left(world)) else ""


def _is_recorded(world: World, key: str) -> bool:
    import sqlite3

    with sqlite3.connect(world.top / "root/skerry.db") as db:
        return bool(db.execute("SELECT 1 FROM build_steps WHERE key = ?", (key,)).fetchall())


def test_a_builder_that_is_killed_anywhere_leaves_nothing_and_loses_no_finished_step(
    new_world: Callable[[], World],
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        steps = pool.submit(steps_of, new_world()).result()
        assert {
            "build.root:1", "build.launch:1", "build.record-step:2", "image.record:1", "network.bridge:1",
            "build.user-namespace:1", "build.bind-mapped:1",
        } <= set(steps)  # fmt: skip
        often = ("build.", "image.")
        chosen = steps if THOROUGH else [step for step in steps if step.startswith(often) or step.endswith(":1")]
        worlds = [new_world() for _ in chosen]
        problems = dict(zip(chosen, pool.map(survives, worlds, chosen), strict=True))
    assert not {step: problem for step, problem in problems.items() if problem}


@pytest.mark.parametrize("network", ["none", "default", "host"])
def test_a_builder_killed_in_a_step_takes_nothing_of_it_along(new_world: Callable[[], World], network: str) -> None:
    world = new_world()
    argv = [sys.executable, str(BUILDER), str(world.top), "sleep", "bb", network]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "b'ready\\n'"
            (bundle,) = (world.top / "run/builds").glob("*/*")
            groups = _groups(f"libpod-{bundle.name}")
            assert _processes_in(groups)
        finally:
            process.kill()  # what watches over it may be faster than the next command
    start = time.monotonic()
    world.ok("images")
    assert time.monotonic() - start < 30  # the step would sleep much longer
    assert left(world) == []
    assert not any(group.exists() for group in groups)


def _groups(prefix: str) -> list[Path]:
    """Control groups whose names begin so. Others' come and go meanwhile, which `Path.glob` takes for an error."""
    tree = os.walk("/sys/fs/cgroup")
    return [Path(folder) / name for folder, names, _files in tree for name in names if name.startswith(prefix)]


def _processes_in(groups: list[Path]) -> list[str]:
    return [line for group in groups for line in (group / "cgroup.procs").read_text().split()]


def test_a_killed_builders_step_ends_without_another_command(new_world: Callable[[], World]) -> None:
    world = new_world()
    argv = [sys.executable, str(BUILDER), str(world.top), "sleep", "bb", "none"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "b'ready\\n'"
        process.kill()
    assert left(world) == []


def test_a_builder_that_dies_frees_its_step(new_world: Callable[[], World]) -> None:
    world = new_world()
    script = "sleep 1; echo {} > /file-{}"
    argv = [sys.executable, str(BUILDER), str(world.top), "steps", "bb", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as first:
        time.sleep(0.6)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as second:
            first.kill()
            assert second.stdout is not None
            assert second.stdout.read().split() == ["key-1", "key-2"]
    assert left(world) == []


def test_ten_builders_at_once_do_each_step_once(new_world: Callable[[], World]) -> None:
    world = new_world()
    argv = [sys.executable, str(BUILDER), str(world.top), "steps", "bb"]
    builders = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(10)]
    done: list[str] = []
    for process in builders:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        done += out.split()
    assert sorted(done) == ["key-1", "key-2"]
    assert left(world) == []


def test_commands_that_clean_up_leave_a_running_build_alone(new_world: Callable[[], World]) -> None:
    world = new_world()
    script = "sleep 3; wget -q -T 5 -O /dev/null http://$(ip route | cut -d' ' -f3 | head -1):1 2>/tmp/e; cat /tmp/e; echo {} > /file-{}"
    argv = [sys.executable, str(BUILDER), str(world.top), "steps", "bb", script]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(1)
        for words in (
            ("system", "check", "--repair"), ("network", "prune", "-f"), ("image", "prune", "-af"),
            ("builder", "prune", "-af"), ("system", "prune", "-af", "--volumes", "--build"),
        ):  # fmt: skip
            world.run(*words)
        assert process.poll() is None
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert out.split() == ["key-1", "key-2"]
    assert world.ok("run", "--rm", "--network", "none", "built", "cat", "/file-2") == "2"
    assert left(world) == []
