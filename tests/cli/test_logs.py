"""logs: what a container wrote, to where it wrote it."""

from __future__ import annotations

import time

import pytest
from tests.support.command import Skerry


@pytest.fixture
def box(skerry: Skerry, busybox: str) -> str:
    script = "echo one; sleep 0.1; echo two >&2; sleep 0.1; printf part; sleep 0.1; echo ' of three'; printf end"
    skerry("run", "--name", "box", "--net", "none", busybox, "sh", "-c", script)
    return "box"


def test_each_stream_goes_to_its_own(skerry: Skerry, box: str) -> None:
    result = skerry("logs", box)
    assert (result.stdout, result.stderr) == ("one\npart of three\nend", "two\n")


def test_following_what_has_ended_ends(skerry: Skerry, box: str) -> None:
    start = time.monotonic()
    assert skerry("logs", "-f", box).stdout == "one\npart of three\nend"
    assert time.monotonic() - start < 5


def test_tail_times_and_bounds(skerry: Skerry, box: str) -> None:
    assert skerry("logs", "--tail", "0", box).stdout == ""
    assert skerry("logs", "--since", "1h", "--until", "1s", box).stdout == "one\npart of three\nend"
    assert skerry("logs", "--until", "2001-02-03", box).stdout == ""
    first = skerry("logs", "-t", box).lines[0]
    assert len(first) == len("2026-01-31T10:00:00.123456789Z one")
    assert first.endswith("Z one")
    result = skerry("logs", "--since", "soon", box, check=False)
    assert result.code == 125
    assert 'parsing --since "soon": unable to interpret time value' in result.stderr


def test_following_ends_with_the_container_and_misses_nothing_in_rotations(skerry: Skerry, busybox: str) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.02; done"
    skerry("run", "-d", "--name", "box", "--net", "none", "--log-opt", "max-size=30k", busybox, "sh", "-c", script)
    start = time.monotonic()
    lines = skerry("logs", "-f", "box", timeout=60).lines
    assert time.monotonic() - start < 30
    assert lines[-1] == "line 2999"
    first = int(lines[0].split()[1])
    assert lines == [f"line {number}" for number in range(first, 3000)]


def test_several_containers_by_time_with_names(skerry: Skerry, busybox: str) -> None:
    for name in ("a", "b"):
        skerry(
            "run", "-d", "--name", name, "--net", "none", busybox, "sh", "-c", f"echo 1{name}; sleep 2; echo 2{name}"
        )
    skerry("wait", "a", "b")
    lines = skerry("logs", "-n", "a", "b").lines
    assert sorted(lines[:2]) == ["a 1a", "b 1b"]
    assert sorted(lines[2:]) == ["a 2a", "b 2b"]


def test_the_none_driver_has_podmans_words(skerry: Skerry, busybox: str) -> None:
    skerry("run", "--name", "box", "--net", "none", "--log-driver", "none", busybox, "true")
    result = skerry("logs", "box", check=False)
    assert result.code == 125
    assert (
        "this container is using the 'none' log driver, cannot read logs: this container is not logging output"
        in result.stderr
    )
    assert "specify at least one container name or ID to log" in skerry("logs", check=False).stderr


def test_a_reader_that_leaves_is_no_error(skerry: Skerry, busybox: str) -> None:
    skerry("run", "--name", "box", "--net", "none", busybox, "sh", "-c", "yes | head -n 100000")
    program = skerry.popen("logs", "box")
    assert program.stdout is not None
    program.stdout.readline()
    program.stdout.close()
    assert program.wait(timeout=30) == 0
    assert program.stderr is not None
    assert program.stderr.read() == b""
