"""``skerry top`` and ``skerry stats``: what runs in a container, and what it uses."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from tests.support.command import Skerry

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def busy(skerry: Skerry, busybox: str) -> str:
    """A container with a memory limit and a user whose one program never rests."""
    skerry("run", "-d", "--name", "busy", "-m", "64m", "--user", "nobody", busybox, "sh", "-c", "while :; do :; done")
    return "busy"


def test_top_shows_processes_with_the_containers_names_and_numbers(skerry: Skerry, busy: str) -> None:
    header, row = skerry("top", busy).lines
    assert header.split() == ["USER", "PID", "PPID", "%CPU", "ELAPSED", "TTY", "TIME", "COMMAND"]
    assert row.split()[:3] == ["nobody", "1", "0"]
    assert row.endswith("sh -c while :; do :; done")


def test_top_has_columns_to_choose_from(skerry: Skerry, busy: str) -> None:
    header, row = skerry("top", busy, "hpid,pid", "capeff", "seccomp", "state", "rss").lines
    assert header.split() == ["HPID", "PID", "EFFECTIVE", "CAPS", "SECCOMP", "STATE", "RSS"]
    words = row.split()
    assert words[0] == skerry("inspect", "-f", "{{.State.Pid}}", busy).stdout.strip()
    assert words[1:4] == ["1", "none", "filter"]
    assert 'unknown descriptor "nope"' in skerry("top", busy, "nope", check=False).stderr


def test_top_takes_options_of_the_containers_own_ps(skerry: Skerry, busy: str) -> None:
    assert "sh -c while" in skerry("top", busy, "-o", "pid,args").stdout


def test_top_sees_what_exec_started(skerry: Skerry, busy: str) -> None:
    skerry("exec", "-d", busy, "sleep", "600")
    assert sum("sleep 600" in line for line in skerry("top", busy, "pid", "args").lines) == 1


def test_neither_shows_what_does_not_run(skerry: Skerry, busybox: str) -> None:
    skerry("create", "--name", "still", busybox)
    assert "top can only be used on running containers" in skerry("top", "still", check=False).stderr
    assert "is not running" in skerry("stats", "--no-stream", "still", check=False).stderr
    (row,) = json.loads(skerry("stats", "--no-stream", "-a", "--format", "json").stdout)
    assert row["name"] == "still"
    assert row["pids"] == "0"


def test_stats_reads_limits_and_use(skerry: Skerry, busy: str, eventually: Callable[..., None]) -> None:
    (row,) = json.loads(skerry("stats", "--no-stream", "--format", "json", busy).stdout)
    assert row["mem_usage"].endswith(" / 67.11MB")
    assert row["pids"] == "1"
    fields = "{{.Name}} {{.PIDs}} {{.MemLimit}} {{.ContainerID}}"
    name, pids, limit, box = skerry("stats", "--no-stream", "--no-trunc", "--format", fields, busy).stdout.split()
    assert (name, pids, limit) == ("busy", "1", "67108864")
    assert box == skerry("inspect", "-f", "{{.Id}}", busy).id

    def works() -> bool:
        text = skerry("stats", "--no-stream", "--format", "{{.CPUPerc}}", busy).stdout
        return float(text.strip().rstrip("%")) > 1

    eventually(works)
