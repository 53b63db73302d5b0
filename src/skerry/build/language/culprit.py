"""Where in an instruction's lines that stands which an error is about: a message names it, as BuildKit's do."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)+)"')
_FLAG = re.compile(r"--[a-z][a-z-]*")
_FLAG_NAME = re.compile(r"\bflag ([a-z][a-z-]+)")
_PARENTHESES = re.compile(r"\(([^()]+)\)")


def find_culprit(what: str, source: Sequence[str]) -> tuple[int, int, int]:
    """(line, column, length): the line counts from 0 in ``source``, the column from 1. Length 0: the message names
    nothing that is there, and it is the instruction's beginning."""
    for text in _named(what):
        for number, line in enumerate(source):
            column = _place(text, line)
            if column:
                return number, column, len(text)
    first = source[0] if source else ""
    return 0, len(first) - len(first.lstrip()) + 1, 0


def _named(what: str) -> Iterator[str]:
    for text in _QUOTED.findall(what):
        plain = text.replace('\\"', '"').replace("\\\\", "\\")
        yield plain
        yield plain.lstrip("/")  # a source that is not there is named from the context's root on
    yield from _FLAG.findall(what)
    for name in _FLAG_NAME.findall(what):
        yield f"--{name}"
    yield from _PARENTHESES.findall(what)
    yield from reversed(what.split(": "))


def _place(text: str, line: str) -> int:
    """Where ``text`` stands in a line as a word of its own, from 1; 0 for nowhere."""
    if not text.strip():
        return 0
    found = re.search(rf"(?<![\w-]){re.escape(text)}(?![\w-])" if text[-1:].isalnum() else re.escape(text), line)
    return found.start() + 1 if found else 0
