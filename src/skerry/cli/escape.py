"""Text that may hold anything, made safe for a terminal or quoted as Go quotes it."""

from __future__ import annotations

_NAMED = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def escaped_character(character: str) -> str:
    """``\\n``, ``\\x1b``, ``\\u202e``: how an unprintable character is shown; lone bytes as ``\\xff``."""
    named = _NAMED.get(character)
    if named:
        return named
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str, keep: str = "") -> str:
    """``text`` with every control, format or invalid character escaped, but for those in ``keep``.

    ``str.isprintable`` is false for the categories Other and Separator (but the space): escape sequences, bidirectional
    overrides, zero-width characters, lone surrogates. Letters of every script stay as they are.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else escaped_character(c) for c in text)


def go_quote(text: str) -> str:
    """Go's ``%q`` of a string."""
    parts = ['"']
    for character in text:
        if character in '"\\':
            parts.append("\\" + character)
        elif character.isprintable():
            parts.append(character)
        else:
            parts.append(escaped_character(character))
    parts.append('"')
    return "".join(parts)
