"""A template store with one image, copied for each kill."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.crash.world import World

_NUMBERS = itertools.count()  # a world that could not be taken away is not met again


@pytest.fixture(scope="session")
def template() -> Iterator[World]:
    """A store that holds busybox and nothing else. Short paths: sockets lie in it."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with tempfile.TemporaryDirectory(prefix="skc") as folder:
        world = World(Path(folder) / "t")
        world.ok("image", "bootstrap", "busybox", "--tag", "bb")
        world.ok("save", "-q", "-o", f"{folder}/bb.tar", "bb")
        yield world


@pytest.fixture
def new_world(template: World) -> Iterator[Callable[[], World]]:
    """Fresh copies of the template."""
    made: list[World] = []

    def make() -> World:
        world = template.copy_to(template.top.parent / f"w{os.getpid()}-{next(_NUMBERS)}")
        made.append(world)
        return world

    yield make
    for world in made:
        world.destroy()
