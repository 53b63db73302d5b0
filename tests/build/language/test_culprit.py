"""Errors of Containerfiles say where: file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.command import Skerry

from skerry.build.language.culprit import find_culprit

# The Containerfile, and where its error is.
PLACES = [
    ("FROM scratch\nCOPY --chwon=1 f /\n", "2:6"),
    ("FROM scratch\nFOO bar\n", "2:1"),
    ('FROM scratch\n  LABEL a=b \\\n   c="${x:?need}"\n', "3:6"),
    ("FROM scratch AS 1x\n", "1:17"),
    ("FROM scratch AS a\nCOPY --from=a /x /\n", "2:13"),
    ("FROM scratch\nRUN --mount=type=cche,target=/x y\n", "2:18"),
    ("FROM scratch\n\tADD --link=maybe x /\n", "2:6"),
    ("FROM scratch\nCOPY --from=b --from=c x /\n", "2:6"),
    ("FROM scratch\nRUN <<A\nx\n", "2:1"),
    ("ARG a\nFROM $a\n", "2:6"),
    ("FROM scratch\nCOPY . \\\n  missing /x/\n", "3:3"),
    ("FROM scratch\nEXPOSE 80 99999\n", "2:11"),
    ("# comment\n\nFROM scratch\n  HEALTHCHECK --interval=x CMD y\n", "4:26"),
]


@pytest.mark.parametrize(("text", "place"), PLACES, ids=[place for _, place in PLACES])
def test_an_error_points_at_what_is_wrong(skerry: Skerry, tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "Containerfile").write_text(text)
    done = skerry("build", "-q", tmp_path, check=False)
    assert done.code == 125
    assert done.stderr.splitlines()[0] == f"Containerfile:{place}"


def test_a_base_that_is_not_to_be_had_points_at_its_from(skerry: Skerry, tmp_path: Path) -> None:
    (tmp_path / "Containerfile").write_text("FROM scratch AS a\nFROM localhost/no/such:1\nCOPY --from=a x /\n")
    done = skerry("build", "-q", "--pull=never", tmp_path, check=False)
    assert "Containerfile:2:6\n" in done.stderr


WORDS = [
    ('unknown flag: --b', ["RUN --bc --b"], (0, 10, 3)), ('x "a\\"b" y', ['LABEL "a"b"'], (0, 8, 3)),
    ("nothing of it", ["  RUN x"], (0, 3, 0)), ("", [], (0, 1, 0)), ('"/sub/f": not found', ["COPY a", " sub/f"], (1, 2, 5)),
]  # fmt: skip


@pytest.mark.parametrize(("what", "source", "found"), WORDS)
def test_what_a_message_names_is_looked_for(what: str, source: list[str], found: tuple[int, int, int]) -> None:
    assert find_culprit(what, source) == found
