"""Tars rebuilt by containers/storage's recipe, from trees and recipes that may be hostile."""

from __future__ import annotations

import base64
import gzip
import json
import os
from pathlib import Path

import pytest

from skerry.errors import Corrupt
from skerry.store.archive.tar_split import chunks


def recipe(path: Path, *entries: object) -> str:
    with gzip.open(path / "r.gz", "wt") as file:
        for entry in entries:
            file.write(entry if isinstance(entry, str) else json.dumps(entry) + "\n")
    return str(path / "r.gz")


def segment(data: bytes) -> dict[str, object]:
    return {"type": 2, "payload": base64.b64encode(data).decode()}


def file(name: str, size: int) -> dict[str, object]:
    return {"type": 1, "name": name, "size": size, "payload": "AAAAAAAAAAA="}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "diff/d").mkdir(parents=True)
    (tmp_path / "diff/d/f").write_bytes(b"data")
    (tmp_path / "diff/l").symlink_to("/d")
    (tmp_path / "secret").write_bytes(b"host")
    (tmp_path / "diff/out").symlink_to("../secret")
    os.mkfifo(tmp_path / "diff/fifo")
    return tmp_path


@pytest.mark.parametrize("name", ["d/f", "./d/f", "/d/f", "l/f"])
def test_pieces_and_files_follow_one_another(tree: Path, name: str) -> None:
    entries = (segment(b"<head>"), file(name, 4), segment(b"<pad>"), {"type": 1, "name": "d/", "payload": None})
    assert b"".join(chunks(recipe(tree, *entries), str(tree / "diff"))) == b"<head>data<pad>"


def test_a_name_that_is_no_text_is_given_in_base64(tree: Path) -> None:
    (tree / os.fsdecode(b"diff/\xff")).write_bytes(b"x")
    entry = {"type": 1, "name_raw": base64.b64encode(b"\xff").decode(), "size": 1}
    assert list(chunks(recipe(tree, entry), str(tree / "diff"))) == [b"x"]


@pytest.mark.parametrize(
    "entry",
    [
        file("../secret", 4), file("out", 4), file("d/none", 4), file("d/f", 5), file("d/f", 3), file("fifo", 4), file("d", 4096),
        {"type": 1, "name": "d/f", "size": -1}, {"type": 1, "name": "d/f", "size": "4"}, {"type": 3}, {}, [], "no json\n",
        {"type": 2, "payload": "="}, {"type": 2, "payload": 5}, {"type": 1, "name": 5, "size": 4},
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_error(tree: Path, entry: object) -> None:
    with pytest.raises(Corrupt):
        list(chunks(recipe(tree, entry), str(tree / "diff")))


def test_a_recipe_that_is_none_or_cut_is_one_error(tree: Path) -> None:
    path = recipe(tree, segment(os.urandom(10_000)))
    data = Path(path).read_bytes()
    for content in (b"", b"no gzip", data[: len(data) // 2]):
        Path(path).write_bytes(content)
        if content:
            with pytest.raises(Corrupt):
                list(chunks(path, str(tree / "diff")))
    with pytest.raises(Corrupt):
        list(chunks(str(tree / "none"), str(tree / "diff")))
