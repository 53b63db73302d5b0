"""The patterns of ``${x#p}``, ``${x%p}`` and ``${x/p/r}``: ``*`` and ``?``, a backslash before either."""

from __future__ import annotations

import re

_NEEDLESS = "}/"  # escaped because they would end the ${…}, not because they are special here


class PatternError(ValueError):
    """A backslash stands before a character that needs none."""


def remove_prefix(value: str, pattern: str, *, greedy: bool) -> str:
    """The value without the shortest (or longest) beginning that matches."""
    match = _compile(pattern, greedy).match(value)
    return value[match.end() :] if match else value


def remove_suffix(value: str, pattern: str, *, greedy: bool) -> str:
    """The value without the shortest (or longest) end that matches."""
    # Searching backwards in both finds the shortest end, which no left-to-right search does.
    return remove_prefix(value[::-1], _reversed(pattern), greedy=greedy)[::-1]


def replace(value: str, pattern: str, replacement: str, *, everywhere: bool) -> str:
    """The value with the first (or each) longest match replaced; the replacement is literal."""
    result: list[str] = []
    copied = 0
    last_end = -1
    for match in _compile(pattern, True).finditer(value):
        if match.start() == match.end() == last_end:
            continue  # an empty match right behind a match is none
        result += (value[copied : match.start()], replacement)
        copied = last_end = match.end()
        if not everywhere:
            break
    return "".join(result) + value[copied:]


def _compile(pattern: str, greedy: bool) -> re.Pattern[str]:
    """Each piece behind a ``*`` is looked for once: the nearest is right for all but the last, so nothing is tried
    twice (``*a*a*a*b`` would take ages otherwise)."""
    first, *rest = _pieces(pattern)
    out = [first]
    for number, piece in enumerate(rest, 1):
        farthest = greedy and number == len(rest)
        out.append(f"(?>.*{piece})" if farthest else f"(?>.*?{piece})")
    return re.compile("".join(out))


def _pieces(pattern: str) -> list[str]:
    """What stands between the stars, as regular expressions."""
    pieces = [""]
    characters = iter(range(len(pattern)))
    for index in characters:
        character = pattern[index]
        if character == "*":
            pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "\\":
            following = pattern[index + 1 : index + 2]
            if following and following in _NEEDLESS:
                continue
            if not following or following not in "*?\\":
                raise PatternError(f"invalid escape '\\{following}'")
            pieces[-1] += "\\" + following
            next(characters)
        else:
            pieces[-1] += re.escape(character)
    return pieces


def _reversed(pattern: str) -> str:
    """The pattern backwards, an escape still before what it escapes."""
    pieces: list[str] = []
    index = 0
    while index < len(pattern):
        length = 2 if pattern[index] == "\\" and index + 1 < len(pattern) else 1
        pieces.append(pattern[index : index + length])
        index += length
    return "".join(reversed(pieces))
