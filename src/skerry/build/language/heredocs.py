"""Here-documents: where a line opens one, and what its opening word says."""

from __future__ import annotations

import re

from skerry.build.language.ast import Heredoc
from skerry.build.language.words import ExpansionError, expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OPENING = re.compile(r"(\d*)<<(-?)\s*([^<]*)\Z")
_BARE = re.compile(r"\d*<<-?\Z")


def parse_heredoc(word: str) -> Heredoc | None:
    """The heredoc that a word opens (``<<EOF``, ``<<-'EOF'``, ``3<<EOF``), without content; else None."""
    try:
        return _from_word(word)
    except ExpansionError:
        return None


def heredocs_of(line: str, ends: Callable[[Heredoc], bool]) -> list[Heredoc]:
    """The heredocs that a line opens, in order. One with a blank before its name (``<< EOF``) counts if it ``ends``:
    ``$((1 << 3))`` has none."""
    try:
        words = expand(line, {}, raw_quotes=True, raw_escapes=True, skip_unset=True).words
    except ExpansionError:
        return []  # the shell will say what it thinks of the quotes
    found: list[Heredoc] = []
    for index, word in enumerate(words):
        heredoc = _from_word(word)
        if heredoc is None and _BARE.match(word) and index + 1 < len(words):
            heredoc = _from_word(f"{word} {words[index + 1]}")
            if heredoc is not None and not ends(heredoc):
                heredoc = None
        if heredoc is not None:
            found.append(heredoc)
    return found


def _from_word(word: str) -> Heredoc | None:
    match = _OPENING.match(word)
    if match is None or not match[3]:
        return None
    plain = expand(match[3], {}, skip_unset=True).words
    if len(plain) != 1:
        return None
    raw = expand(match[3], {}, raw_quotes=True, skip_unset=True).words
    name = plain[0]
    # A quote that vanished quoted some part of the word: then nothing in the content is expanded.
    unquoted = _quotes(name) == _quotes("".join(raw))
    descriptor = int(match[1][:9] or "0")
    return Heredoc(name, "", expand=unquoted, strip_tabs=match[2] == "-", descriptor=descriptor)


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
