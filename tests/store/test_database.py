"""The state database: transactions, collisions, a full disk."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support import child

from skerry.errors import OutOfSpace, SkerryError, Unavailable
from skerry.store.database import Database


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return Database(str(tmp_path / "skerry.db"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def add(db: Database, name: str, doc: str = "{}") -> None:
    with db.write(durable=True):
        db.execute("INSERT INTO volumes VALUES (?, 1, ?)", name, doc)


def test_an_error_inside_rolls_back(db):
    with pytest.raises(RuntimeError), db.write(durable=True):
        db.execute("INSERT INTO volumes VALUES ('a', 1, '{}')")
        raise RuntimeError
    assert db.query("SELECT name FROM volumes") == []


def test_a_taken_name_is_told_from_other_errors(db):
    add(db, "a")
    with pytest.raises(Exception) as caught:
        add(db, "a")
    assert db.is_collision(caught.value)
    assert not db.is_collision(OSError())


def test_the_outermost_transaction_commits(db, tmp_path):
    with db.write(durable=False):
        add(db, "inner")
        assert Database(str(tmp_path / "skerry.db")).query("SELECT 1 FROM volumes") == []
    assert Database(str(tmp_path / "skerry.db")).query("SELECT name FROM volumes") == [("inner",)]


def test_a_newer_schema_is_left_alone(db, tmp_path):
    db._connection.execute("PRAGMA user_version=999")
    with pytest.raises(Unavailable, match="newer Skerry"):
        Database(str(tmp_path / "skerry.db"))


def test_garbage_is_one_clear_error(tmp_path):
    (tmp_path / "skerry.db").write_bytes(os.urandom(8192))
    with pytest.raises(Unavailable, match=r"skerry\.db"):
        Database(str(tmp_path / "skerry.db"))


def fill(disk: Path) -> None:
    with open(disk / "filler", "ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


def test_removing_works_on_a_full_disk(small_disk):
    db = Database(str(small_disk / "skerry.db"))
    add(db, "a")
    fill(small_disk)
    with pytest.raises(OutOfSpace):
        for number in range(200):
            add(db, f"b{number}", "x" * 4000)
    db.free(lambda db: db.execute("DELETE FROM volumes WHERE name = 'a'") and None, durable=True)
    assert ("a",) not in db.query("SELECT name FROM volumes")


def test_a_full_disk_can_still_be_opened_and_emptied(small_disk):
    db = Database(str(small_disk / "skerry.db"))
    add(db, "a")
    db.close()  # the WAL and its index are gone: opening has to make them again
    fill(small_disk)
    again = Database(str(small_disk / "skerry.db"))
    again.free(lambda db: db.execute("DELETE FROM volumes") and None, durable=True)
    assert again.query("SELECT name FROM volumes") == []


@pytest.fixture
def small_blocks(tmp_path: Path) -> Iterator[Path]:
    """A file system with blocks smaller than a page."""
    if os.geteuid() != 0 or subprocess.run(["losetup", "-f"], capture_output=True, check=False).returncode:
        pytest.skip("needs root and a loop device to mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    with open(tmp_path / "image", "wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", "-b", "1024", str(tmp_path / "image")], check=True)
    subprocess.run(["mount", "-o", "loop", str(tmp_path / "image"), str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_nobody_who_opens_it_is_killed_while_others_take_the_last_blocks(small_blocks):
    # A hole in what SQLite maps is SIGBUS on a full disk.
    path = str(small_blocks / "skerry.db")
    child.wait(child.fork(lambda: add(Database(path), "a")))
    fill(small_blocks)

    def take_what_is_freed() -> None:
        while True:
            fill(small_blocks)

    def look() -> None:
        with contextlib.suppress(OutOfSpace):
            Database(path).query("SELECT name FROM volumes")

    taker = child.fork(take_what_is_freed)
    ends = {child.wait(child.fork(look)) for _ in range(60)}
    os.kill(taker, signal.SIGKILL)
    child.wait(taker)
    assert ends == {0}


def test_an_index_that_nobody_uses_is_made_anew_where_blocks_are_small(small_blocks):
    path = str(small_blocks / "skerry.db")

    def killed() -> None:
        add(Database(path), "a")
        os.kill(os.getpid(), signal.SIGKILL)

    assert child.wait(child.fork(killed)) == -signal.SIGKILL
    with open(path + "-shm", "r+b") as file:
        file.write(os.urandom(32 << 10))
    assert Database(path).query("SELECT name FROM volumes") == [("a",)]


def test_a_database_of_an_earlier_version_is_brought_up(tmp_path):
    path = str(tmp_path / "db")
    first = Database(path)
    for name in ("indexes", "build_steps", "build_mounts", "image_users", "past_names"):
        first._connection.execute(f"DROP TABLE {name}")
    for name in ("containers_joined", "containers_mapped"):
        first._connection.execute(f"DROP INDEX {name}")
    first._connection.execute("PRAGMA user_version=1")
    first._connection.execute("INSERT INTO volumes VALUES ('kept', 1, '{}')")
    first.close()
    second = Database(path)
    assert second.query("SELECT name FROM volumes") == [("kept",)]
    assert second.query("SELECT * FROM build_steps") == []


def test_several_that_open_a_new_database_at_once_wait_for_each_other(tmp_path: Path) -> None:
    errors: list[Exception] = []

    def opened(path: Path, barrier: threading.Barrier) -> None:
        barrier.wait()
        try:
            Database(str(path)).query("SELECT 1 FROM images")
        except SkerryError as error:
            errors.append(error)

    for number in range(60):  # without waiting every eighth fails
        barrier = threading.Barrier(3)
        (tmp_path / str(number)).mkdir()
        path = tmp_path / str(number) / "skerry.db"
        threads = [threading.Thread(target=opened, args=(path, barrier)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not errors
