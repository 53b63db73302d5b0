"""Registries of all kinds, and images to move."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.registry.server import Authority, Registry


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without TLS."""
    registry = Registry(tmp_path_factory.mktemp("registry") / "plain")
    yield registry
    registry.stop()
