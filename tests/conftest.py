"""Fixtures of all tests: the command on a store of its own that must leave nothing behind, images, Podman as a peer."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.command import Result, Skerry
from tests.support.leaks import Leaks
from tests.support.podman import Podman

BUSYBOX = "localhost/busybox:latest"


@pytest.fixture
def short_tmp() -> Iterator[Path]:
    """A folder with a short path: the attach sockets below it must fit into sun_path (108 bytes)."""
    folder = Path(tempfile.mkdtemp(prefix="sk", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def skerry(short_tmp: Path) -> Iterator[Skerry]:
    """``skerry("ps", "-a")`` on a private store. Afterwards all is removed, and what is left fails the test."""
    command = Skerry(short_tmp)
    leaks = Leaks(command)
    try:
        yield command
    finally:
        command.remove_everything()
        found = leaks.find()
        leaks.clean()
    assert not found, "left behind:\n  " + "\n  ".join(found)


@pytest.fixture(scope="session")
def busybox_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A docker-archive with the bootstrapped busybox image, made once per session."""
    target = tmp_path_factory.mktemp("images") / "busybox.tar"
    folder = Path(tempfile.mkdtemp(prefix="sk", dir="/tmp"))
    try:
        maker = Skerry(folder)
        maker("image", "bootstrap", "busybox", "--tag", BUSYBOX, timeout=180)
        maker("save", "-o", str(target), BUSYBOX)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


@pytest.fixture
def busybox(skerry: Skerry, busybox_archive: Path) -> str:
    """The name of a busybox image in this test's store."""
    skerry("load", "-i", str(busybox_archive))
    return BUSYBOX


@pytest.fixture
def podman(short_tmp: Path) -> Iterator[Podman]:
    """The installed Podman on a private store, for comparisons. Skips where there is none."""
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    peer = Podman(short_tmp / "podman")
    try:
        yield peer
    finally:
        peer.end()


@pytest.fixture
def eventually() -> Callable[..., None]:
    """``eventually(lambda: condition)``: wait until it holds, at most a minute: the machine may be busy."""
    from tests.support.command import eventually as wait

    return wait


def pytest_report_header() -> str:
    """Which command is tested."""
    return f"skerry: {os.environ.get('SKERRY_BIN', 'bin/skerry of this checkout')}"


__all__ = ["Podman", "Result", "Skerry"]
