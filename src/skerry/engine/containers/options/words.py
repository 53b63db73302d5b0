"""Words with variables as a shell has them, for ``--env-merge``: quotes, backslashes, ``$NAME``, ``${NAME}``,
``${NAME:-WORD}`` and ``${NAME:+WORD}``."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_NAME = _FIRST | frozenset("0123456789")


def expand(word: str, values: Mapping[str, str]) -> str:
    """The word with its quotes taken off and its variables filled in; an unknown one is empty. `Invalid`: a quote or
    brace that does not end."""
    found, position, quote = "", 0, ""
    while position < len(word):
        char = word[position]
        position += 1
        if char == "'" and quote != '"':
            end = word.find("'", position)
            if end < 0:
                raise Invalid(f"unexpected end of statement while looking for matching single-quote in {word!r}")
            found, position = found + word[position:end], end + 1
        elif char == '"':
            quote = "" if quote else '"'
        elif char == "\\" and position < len(word) and (not quote or word[position] in '"$\\'):
            found, position = found + word[position], position + 1
        elif char == "$":
            text, position = _variable(word, position, values)
            found += text
        else:
            found += char
    if quote:
        raise Invalid(f"unexpected end of statement while looking for matching double-quote in {word!r}")
    return found


def _variable(word: str, position: int, values: Mapping[str, str]) -> tuple[str, int]:
    """What follows a ``$``: its text, and where the word goes on."""
    if word[position : position + 1] == "{":
        end = _closing(word, position)
        name, colon, rest = word[position + 1 : end].partition(":")
        if not name or name[0] not in _FIRST or not _NAME.issuperset(name) or (colon and rest[:1] not in ("-", "+")):
            raise Invalid(f"unsupported modifier in substitution: ${word[position : end + 1]}")
        value = values.get(name, "")
        if colon:
            value = expand(rest[1:], values) if bool(value) == (rest[0] == "+") else value
        return value, end + 1
    end = position
    while end < len(word) and word[end] in (_NAME if end > position else _FIRST):
        end += 1
    return (values.get(word[position:end], ""), end) if end > position else ("$", position)


def _closing(word: str, position: int) -> int:
    depth = 0
    for index in range(position, len(word)):
        depth += {"{": 1, "}": -1}.get(word[index], 0)
        if not depth:
            return index
    raise Invalid(f"syntax error: missing '}}' in {word!r}")
