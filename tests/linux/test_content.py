"""What is in a file: its extents, and copies of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from skerry.linux.content import copy_content, extents
from skerry.store.hashing import BlockHashing

MIB = 1 << 20
# (offset, bytes) that are written, and the file's size
FILES = {
    "empty": ([], 0), "only a hole": ([], 3 * MIB), "no hole": ([(0, 70_000)], 70_000), "a hole first": ([(MIB, 9)], MIB + 9),
    "a hole last": ([(0, 9)], 2 * MIB), "holes between": ([(MIB, 5000), (3 * MIB, MIB)], 5 * MIB + 3),
}  # fmt: skip


@pytest.fixture(params=FILES.values(), ids=FILES.keys())
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    parts, size = request.param
    with (tmp_path / "file").open("wb") as file:
        for offset, count in parts:
            file.seek(offset)
            file.write(os.urandom(count))
        file.truncate(size)
    return tmp_path / "file"


def test_extents_are_the_whole_file_and_holes_hold_zeros(file: Path) -> None:
    fd, whole = os.open(file, os.O_RDONLY), b""
    for length, data in extents(fd, file.stat().st_size):
        whole += os.read(fd, length) if data else bytes(length)
    os.close(fd)
    assert whole == file.read_bytes()


def test_a_file_with_holes_has_the_hash_of_its_content(file: Path) -> None:
    hasher, fd = hashlib.sha256(), os.open(file, os.O_RDONLY)
    with BlockHashing(hasher) as hashing:
        assert hashing.read(fd, file.stat().st_size) == file.stat().st_size
    os.close(fd)
    assert hasher.hexdigest() == hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_copy_has_the_content_and_no_more_blocks(file: Path, tmp_path: Path) -> None:
    source, target = os.open(file, os.O_RDONLY), os.open(tmp_path / "copy", os.O_WRONLY | os.O_CREAT)
    copy_content(source, target)
    os.close(source)
    os.close(target)
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()
    assert (tmp_path / "copy").stat().st_blocks <= file.stat().st_blocks


def test_who_is_asked_between_can_end_a_copy(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    source, target = os.open(tmp_path / "file", os.O_RDONLY), os.open(tmp_path / "copy", os.O_WRONLY | os.O_CREAT)

    def end() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        copy_content(source, target, between=end)
    os.close(source)
    os.close(target)
