"""Clocks are set while containers run: what is reckoned by a process's own start does not notice."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from skerry.engine.containers.restart import back_off_s
from skerry.engine.containers.stats import _row, compared

_HOUR_NS = 3600 * 10**9


def state(age_s: float, jump_ns: int) -> Any:
    """Of a program that started so long ago, by a clock that was wrong by ``jump_ns``."""
    start = int((time.clock_gettime(time.CLOCK_BOOTTIME) - age_s) * os.sysconf("SC_CLK_TCK"))
    now = time.time_ns()
    return {
        "status": "running", "pid": os.getpid(), "pid_start": start, "started_ns": now - int(age_s * 1e9) + jump_ns,
        "finished_ns": now, "restarts": 5,
    }  # fmt: skip


@pytest.mark.parametrize("jump_ns", [-_HOUR_NS, 0, _HOUR_NS])
def test_a_short_life_is_known(jump_ns: int) -> None:
    assert back_off_s(state(2, jump_ns)) > 1
    assert back_off_s(state(60, jump_ns)) == 0


@pytest.mark.parametrize("jump_ns", [-_HOUR_NS, 0, _HOUR_NS])
def test_the_average_of_the_processor_is_of_the_time_that_it_had(jump_ns: int) -> None:
    record: Any = {"id": "a" * 64, "name": "box", "config": {}}
    row = {**_row(record, state(100, jump_ns)), "cpu_ns": 50 * 10**9}
    assert compared(row, None)["AvgCPU"] == pytest.approx(50, rel=0.05)
