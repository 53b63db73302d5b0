"""Twenty processes at once; `soak` does the same for longer."""

from __future__ import annotations

from collections.abc import Callable

from tests.crash.soak import soak
from tests.crash.world import World


def test_twenty_processes_at_once_leave_nothing_behind(new_world: Callable[[], World]) -> None:
    count, problems = soak(new_world(), workers=20, seconds=15)
    assert problems == []
    assert count > 20
