"""Hashing in blocks."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from skerry.store.hashing import BlockHashing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("sizes", [[], [0, 5], [1 << 20], [(1 << 20) - 1, 1, 7], [3, 9 << 20, 1, 0, 70_000, 5 << 20]])
def test_the_hash_is_that_of_all_bytes_in_their_order(tmp_path: Path, sizes: list[int]) -> None:
    expected, hasher = hashlib.sha256(), hashlib.sha256()
    with BlockHashing(hasher) as hashing:
        for number, size in enumerate(sizes):
            data = os.urandom(size)
            expected.update(data)
            if number % 2:
                hashing.add(data)
                continue
            (tmp_path / "file").write_bytes(data)
            fd = os.open(tmp_path / "file", os.O_RDONLY)
            assert hashing.read(fd, size) == size
            os.close(fd)
    assert hasher.hexdigest() == expected.hexdigest()


def test_a_file_that_is_shorter_says_how_much_there_was(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"four")
    fd = os.open(tmp_path / "file", os.O_RDONLY)
    with BlockHashing(hashlib.sha256()) as hashing:
        assert hashing.read(fd, 10) == 4
    os.close(fd)
