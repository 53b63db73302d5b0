"""Go's string literals."""

from __future__ import annotations

_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"'}
_DIGITS = {"x": 2, "u": 4, "U": 8}


def unquote(literal: str) -> str | None:
    """The value of a quoted or raw literal, or None if an escape in it is wrong."""
    inner = literal[1:-1]
    if literal[0] == "`":
        return inner.replace("\r", "")
    if "\\" not in inner:
        return inner
    parts = bytearray()  # \xff is a byte, not a character
    position = 0
    while position < len(inner):
        character = inner[position]
        position += 1
        if character != "\\":
            parts += character.encode("utf-8", "surrogateescape")
            continue
        escaped = inner[position : position + 1]
        position += 1
        if escaped in _SIMPLE and escaped:
            parts += _SIMPLE[escaped].encode()
            continue
        value = _number(escaped, inner, position)
        if value is None:
            return None
        code, position, is_byte = value
        parts += bytes([code]) if is_byte else chr(code).encode("utf-8", "surrogatepass")
    return parts.decode("utf-8", "surrogateescape")


def _number(escaped: str, inner: str, position: int) -> tuple[int, int, bool] | None:
    """The code of ``\\x41``, ``\\u0041``, ``\\U00000041`` or ``\\101``, where it ends, and whether it is a byte."""
    if escaped in _DIGITS and escaped:
        end, base = position + _DIGITS[escaped], 16
        digits = inner[position:end]
    else:
        end, base = position + 2, 8
        digits = escaped + inner[position:end]
    try:
        if not digits.isalnum() or end > len(inner):
            return None
        code = int(digits, base)
    except ValueError:
        return None
    is_byte = base == 8 or escaped == "x"
    if code > (255 if is_byte else 0x10FFFF) or (not is_byte and 0xD800 <= code < 0xE000):
        return None
    return code, end, is_byte
