"""conmon's exit command: the living client cleans up itself, and no second Python starts."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from skerry.linux.spawn import run
from skerry.runtime.exit_command import exit_command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "lock").touch()
    return tmp_path


def command(folder: Path, *, lock: bool = True) -> list[str]:
    mark = folder / 'it\'s "done" $(x) `y`'
    return exit_command(["/usr/bin/touch", str(mark)], bundle=str(folder / "bundle"), client_lock=str(folder / "lock") if lock else "")  # fmt: skip


def ran(folder: Path) -> bool:
    return any(path.name.startswith("it's") for path in folder.iterdir())


def test_without_a_client_it_runs_at_once(folder: Path) -> None:
    run(command(folder, lock=False))
    assert ran(folder)


def test_a_dead_client_leaves_it_to_us(folder: Path) -> None:
    assert run(command(folder)).code == 0
    assert ran(folder)


def test_a_client_that_is_gone_with_its_lock_file_too(folder: Path) -> None:
    (folder / "lock").unlink()
    run(command(folder))
    assert ran(folder)


def test_a_living_client_does_it_itself(folder: Path) -> None:
    lock = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    thread = threading.Thread(target=run, args=(command(folder),))
    thread.start()
    time.sleep(0.1)
    assert thread.is_alive()
    (folder / "bundle").rmdir()  # the client's clean-up
    os.close(lock)
    thread.join(5)
    assert not ran(folder)


def test_a_client_killed_before_its_clean_up(folder: Path) -> None:
    lock = os.open(folder / "lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    thread = threading.Thread(target=run, args=(command(folder),))
    thread.start()
    time.sleep(0.05)
    os.close(lock)
    thread.join(5)
    assert ran(folder)


def test_the_lock_is_not_inherited_by_the_clean_up(folder: Path) -> None:
    shown = exit_command(["/bin/ls", "/proc/self/fd"], bundle=str(folder / "bundle"), client_lock=str(folder / "lock"))
    assert b"9" not in run(shown).stdout.split()
