"""A private store, and archives to feed it with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store; afterwards no staging folder is left."""
    store = Store(str(tmp_path / "root"), str(tmp_path / "run"))
    store.db  # noqa: B018 - makes the folders
    yield store
    assert os.listdir(store.path("staging")) == []
    store.db.close()
