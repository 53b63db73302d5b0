"""The shapes of a container's health. Types only: imported under TYPE_CHECKING."""

from __future__ import annotations

from typing import TypedDict


class Entry(TypedDict):
    """One check that was run, with Podman's keys."""

    Start: str
    End: str
    ExitCode: int  # 0; 1: it failed; -1: it took too long; 125: it could not be run
    Output: str


class Health(TypedDict, total=False):
    """What is known about one run of a container."""

    run: int  # the container's started_ns: results of another run do not count
    status: str  # starting, healthy, unhealthy, stopped
    streak: int  # failures in a row
    log: list[Entry]
    ended_ns: int  # when the last check ended, on the clock that no one sets
    startup_passed: bool
    startup_successes: int
    startup_failures: int
    hidden: bool  # taken out of the names that it shares with others
