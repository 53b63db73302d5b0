"""Protocol buffers, as far as shims need them: numbers, booleans, strings, bytes and messages in messages.

Messages are ``(field, value)`` pairs on the way out, and dictionaries of lists on the way in; who calls knows the
fields' types. Encoding: protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Value = bool | int | str | bytes

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_BITS_64 = (1 << 64) - 1


def encode(fields: Iterable[tuple[int, Value]]) -> bytes:
    """A message. Fields that are empty (0, False, "") are left out, as proto3 does."""
    out = bytearray()
    for number, value in fields:
        if not value:
            continue
        if isinstance(value, int):
            out += _varint(number << 3 | _VARINT) + _varint(value & _BITS_64)
        else:
            data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            out += _varint(number << 3 | _BYTES) + _varint(len(data)) + data
    return bytes(out)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(data: bytes) -> dict[int, list[int | bytes]]:
    """The fields of a message, each with all its values in order. `Unavailable` when it is cut short or no message."""
    found: dict[int, list[int | bytes]] = {}
    place = 0
    try:
        while place < len(data):
            key, place = _read_varint(data, place)
            value: int | bytes
            kind = key & 7
            if kind == _VARINT:
                value, place = _read_varint(data, place)
            else:
                size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
                if kind == _BYTES:
                    size, place = _read_varint(data, place)
                if not 0 <= size <= len(data) - place:
                    raise ValueError
                value = data[place : place + size]
                place += size
            found.setdefault(key >> 3, []).append(value)
    except (IndexError, ValueError):
        raise Unavailable("a containerd shim answered with a damaged message") from None
    return found


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if not byte & 0x80:
            return value & _BITS_64, place
        shift += 7
        if shift > 63:
            raise ValueError


def number(message: dict[int, list[int | bytes]], field: int) -> int:
    """The last value of a number's field; 0 without."""
    value = message.get(field, [0])[-1]
    return value if isinstance(value, int) else 0


def text(message: dict[int, list[int | bytes]], field: int) -> str:
    """The last value of a string's field; empty without."""
    value = message.get(field, [b""])[-1]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""


def submessage(message: dict[int, list[int | bytes]], field: int) -> bytes:
    """The last value of a bytes' or a message's field; empty without."""
    value = message.get(field, [b""])[-1]
    return value if isinstance(value, bytes) else b""
