"""What the supervisor looks after: a file for each container, and what is known about it meanwhile."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.health.check import Check


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
