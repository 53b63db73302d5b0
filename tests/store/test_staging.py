"""Staging folders of commands that were killed, or whose machine lost its power."""

from __future__ import annotations

import os
from pathlib import Path

from skerry.store.staging import Staging
from skerry.store.store import Store


def test_the_next_command_that_builds_something_takes_away_what_killed_ones_left(store: Store) -> None:
    parent = Path(store.path("staging"))
    dead = parent / "0123456789abcdef"
    (dead / "diff" / "shut").mkdir(parents=True)
    (dead / "diff" / "shut").chmod(0)
    dead.with_name(dead.name + ".lock").touch()
    with Staging(str(parent)) as alive, store.staging() as mine:
        assert os.path.isdir(alive.path)
        assert os.path.isdir(mine.path)
        assert not dead.exists()
        assert len(os.listdir(parent)) == 4
