"""Registries of all kinds, and stores to move images to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.image.conftest import leftovers
from tests.registry.lying import LyingRegistry
from tests.registry.server import Authority, Registry, htpasswd

from skerry.engine.engine import Engine, open_engine


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without TLS that lets anybody in."""
    registry = Registry(tmp_path_factory.mktemp("registry") / "plain")
    yield registry
    registry.stop()


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Registry]:
    """A registry with TLS and a password (`USER`, `PASSWORD`)."""
    folder = tmp_path_factory.mktemp("registry") / "guarded"
    names = authority.issue("guarded", "DNS:localhost", "IP:127.0.0.1")
    registry = Registry(folder, tls=names, auth=htpasswd(folder))
    yield registry
    registry.stop()


@pytest.fixture
def liar() -> Iterator[LyingRegistry]:
    registry = LyingRegistry()
    yield registry
    registry.close()


@pytest.fixture
def other() -> Iterator[LyingRegistry]:
    """Another host, to be pointed to."""
    registry = LyingRegistry()
    yield registry
    registry.close()


@pytest.fixture(autouse=True)
def nobody_logged_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No credentials and no proxies of whoever runs the tests; auth.json is in the folder that this returns."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REGISTRY_AUTH_FILE", "DOCKER_CONFIG"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    (home / "xdg").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "xdg"))
    return home / "xdg" / "containers"


def open_store(folder: Path) -> Engine:
    return open_engine(
        {
            "root": str(folder / "root"),
            "runroot": str(folder / "run"),
            "tmpdir": str(folder / "tmp"),
            "network_config_dir": str(folder / "networks"),
            "volumepath": str(folder / "volumes"),
        }
    )


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_store(tmp_path)
    yield made
    assert leftovers(made) == []


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Engine]:
    """A second store."""
    made = open_store(tmp_path / "another")
    yield made
    assert leftovers(made) == []


def kept(engine: Engine) -> list[str]:
    """What is kept of blobs that are on their way."""
    try:
        return sorted(os.listdir(engine.store.path("partial")))
    except FileNotFoundError:
        return []
