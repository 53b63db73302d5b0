"""/etc/subuid in all its forms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from skerry.config.subid import ranges


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("root:100000:65536\n", [(100000, 65536)]),
        ("0:100000:65536\n", [(100000, 65536)]),
        ("other:1:1\nroot:5:10\n0:20:10\nroot:5:10\n", [(5, 10), (20, 10)]),
        ("root:100000:0\n", []),
        ("root:4294967290:65536\n", []),
        ("root:x:65536\nroot:1\nroot:1:2:3\n\n# root:1:2\n", []),
        ("root:-1:10\nroot:99999999999999999999:1\nroot:٣:10\n", []),
        ("rooty:1:10\n", []),
        ("", []),
    ],
)
def test_ranges(tmp_path: Path, text: str, expected: list[tuple[int, int]]) -> None:
    path = tmp_path / "subuid"
    path.write_text(text)
    assert ranges(str(path), 0) == expected


def test_no_file_and_an_unknown_user(tmp_path: Path) -> None:
    assert ranges(str(tmp_path / "none"), os.getuid()) == []
    (tmp_path / "subuid").write_text("4000000:100000:65536\n")
    assert ranges(str(tmp_path / "subuid"), 4_000_000) == [(100000, 65536)]
