"""Taking one instruction's line apart: keyword, flags, JSON, quoted words."""

from __future__ import annotations

import re

from skerry import fastjson
from skerry.build.language.words import SPACES
from skerry.errors import Invalid

BLANKS = re.compile(r"[\t\v\f\r ]+")
_SPACES = "".join(SPACES)
NOT_STRINGS = "when using JSON array syntax, arrays must be comprised of strings only"


class SplitError(ValueError):
    """The text does not have the form that its instruction needs."""


def strip(text: str) -> str:
    """Without the white space around it (Unicode's, as Go sees it)."""
    return text.strip(_SPACES)


def lstrip(text: str) -> str:
    """Without the white space before it."""
    return text.lstrip(_SPACES)


def split_keyword(line: str) -> tuple[str, tuple[tuple[str, str | None], ...], str]:
    """Keyword, flags (name, value or None), and the rest of a joined line."""
    parts = BLANKS.split(strip(line), maxsplit=1)
    if len(parts) < 2:
        return parts[0], (), ""
    rest, flags = _leading_flags(parts[1])
    return parts[0], tuple(_name_and_value(word) for word in flags), strip(rest)


def _name_and_value(word: str) -> tuple[str, str | None]:
    name, equals, value = word[2:].partition("=")
    return name, value if equals else None


def _leading_flags(text: str) -> tuple[str, list[str]]:
    """The words that begin with ``--`` (quotes and backslashes taken away), and what follows them."""
    flags: list[str] = []
    position = 0
    while True:
        while position < len(text) and text[position] in SPACES:
            position += 1
        if not text.startswith("--", position):
            return text[position:], flags
        word, position = _flag_word(text, position)
        if word == "--":
            return text[position:], flags
        flags.append(word)


def _flag_word(text: str, position: int) -> tuple[str, int]:
    word: list[str] = []
    quote = ""
    while position < len(text):
        character = text[position]
        if not quote and character in SPACES:
            break
        position += 1
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == "\\":
            word.append(text[position : position + 1])
            position += 1
        else:
            word.append(character)
    return "".join(word), position


def split_words(text: str, escape: str) -> list[str]:
    """Words at unquoted blanks; quotes and escapes stay in them for the expansion to take away."""
    words: list[str] = []
    word: list[str] = []
    quote = ""
    quoted = False
    position = 0
    while position < len(text):
        character = text[position]
        position += 1
        if not quote and character in SPACES:
            if word or quoted:
                words.append("".join(word))
            word, quoted = [], False
            continue
        if character == escape and quote != "'":
            if position == len(text):
                quote = ""
                break  # nothing follows that it could escape
            character += text[position]
            position += 1
        elif character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote, quoted = character, True
        word.append(character)
    if word or quoted:
        words.append("".join(word))
    return words


def json_strings(text: str) -> tuple[str, ...] | None:
    """The strings of a JSON array; None if the text is no JSON array at all."""
    text = lstrip(text)
    if not text.startswith("["):
        return None
    try:
        values = fastjson.loads(text)
    except Invalid:
        return None
    if not all(isinstance(value, str) for value in values):
        raise SplitError(NOT_STRINGS)
    return tuple(_SURROGATES.sub("�", value) for value in values)


_SURROGATES = re.compile("[\ud800-\udfff]")


def json_or_words(text: str) -> tuple[tuple[str, ...], bool]:
    """The strings of a JSON array, or else the words between blanks; and whether it was JSON."""
    values = json_strings(text)
    if values is not None:
        return values, True
    return tuple(BLANKS.split(text)) if text else (), False


def pairs(text: str, keyword: str, escape: str) -> tuple[tuple[tuple[str, str], ...], bool]:
    """The (name, value) pairs of ENV and LABEL; and whether it is the old form without ``=``."""
    words = split_words(text, escape)
    if not words:
        return (), False
    if "=" not in words[0]:
        parts = BLANKS.split(text, maxsplit=1)
        if len(parts) < 2:
            raise SplitError(f"{keyword} must have two arguments")
        return ((parts[0], parts[1]),), True
    result = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise SplitError(f'Syntax error - can\'t find = in "{word}". Must be of the form: name=value')
        result.append((name, value))
    return tuple(result), False
