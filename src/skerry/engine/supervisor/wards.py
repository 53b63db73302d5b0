"""What the supervisor looks after: a file for each container, and what is known about it meanwhile."""

from __future__ import annotations

import os

from skerry.engine.health.results import clock_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from skerry.engine.health.check import Check

# So many programs are started at a time: a hundred at once would only wait for each other. Those that take longer than
# a moment are not counted, so that hanging ones keep nobody from starting.
AT_ONCE, _MOMENT_NS = 8, 10**9
_LONGEST_SLEEP_MS = 3_600_000


class Ward:
    """A container that is looked after."""

    __slots__ = ("acting", "check", "due_ns", "id", "mtime_ns", "started_ns")

    def __init__(self, container_id: str) -> None:
        self.id = container_id
        self.mtime_ns = 0
        self.due_ns = 0
        self.check: Check | None = None
        self.started_ns = 0  # of the check
        self.acting = False


def by_time(ward: Ward) -> int:
    """For sorting: who was due first comes first."""
    return ward.due_ns


def files(path: str) -> dict[str, int]:
    """The wards' names, and when each was last written."""
    found: dict[str, int] = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                try:
                    found[entry.name] = entry.stat().st_mtime_ns
                except FileNotFoundError:
                    continue  # released in this moment
    except FileNotFoundError:
        pass  # the whole store was removed
    return found


def young_checks(wards: Collection[Ward], now_ns: int) -> list[int]:
    """When the checks began that have not run for longer than a moment."""
    return [ward.started_ns for ward in wards if ward.check and now_ns - ward.started_ns < _MOMENT_NS]


def sleep_ms(wards: Collection[Ward]) -> int:
    """How long there is nothing to do unless something happens."""
    now = clock_ns()
    times = [ward.check.deadline_ns if ward.check else ward.due_ns for ward in wards if not ward.acting]
    young = young_checks(wards, now)
    if len(young) >= AT_ONCE:
        # Those that are due wait for the first to end, or not to count any more.
        times = [each for each in times if each > now] + [min(young) + _MOMENT_NS]
    if not times:
        return _LONGEST_SLEEP_MS
    return max(0, min(_LONGEST_SLEEP_MS, (min(times) - now + 999_999) // 10**6))
