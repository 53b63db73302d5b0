"""pax extended headers: records, and what they change in an entry."""

from __future__ import annotations

from skerry.errors import Corrupt
from skerry.store.archive.header import Entry
from skerry.store.archive.names import quoted

_XATTR = b"SCHILY.xattr."
# Set for the whole archive these make no sense; nobody writes them, some readers ignore them, others don't.
_ONLY_LOCAL = (b"path", b"linkpath", b"size", b"GNU.sparse.")


class Pax:
    """The records of one extended header. ``pairs`` keeps the order of pax 0.0's repeated sparse records."""

    __slots__ = ("pairs", "values")

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.pairs: list[tuple[int, int]] = []


def parse(data: bytes) -> Pax:
    """``LENGTH KEY=VALUE\\n`` records, LENGTH counting the whole record."""
    pax = Pax()
    position, end = 0, len(data)
    offset = 0
    while position < end:
        space = data.find(b" ", position, position + 20)
        digits = data[position:space]
        if space < 0 or not digits.isdigit():
            if not data[position:].strip(b"\0"):
                break  # some writers pad inside
            raise Corrupt("the layer's archive has a malformed pax header")
        next_position = position + int(digits)
        equals = data.find(b"=", space, next_position)
        if next_position > end or equals < 0 or data[next_position - 1] != 10 or next_position <= space:
            raise Corrupt("the layer's archive has a malformed pax header")
        key, value = data[space + 1 : equals], data[equals + 1 : next_position - 1]
        if key == b"GNU.sparse.offset":
            offset = integer(value)
        elif key == b"GNU.sparse.numbytes":
            pax.pairs.append((offset, integer(value)))
        else:
            pax.values[key] = value
        position = next_position
    return pax


def merge_global(known: dict[bytes, bytes], new: Pax) -> None:
    """Records of a global header, valid until changed; an empty value takes one back."""
    for key, value in new.values.items():
        if key.startswith(_ONLY_LOCAL):
            continue
        if value:
            known[key] = value
        else:
            known.pop(key, None)
    if sum(map(len, known)) + sum(map(len, known.values())) > 1 << 20:
        raise Corrupt("the layer's archive has pax headers of more than 1 MiB")


def apply(entry: Entry, values: dict[bytes, bytes]) -> None:
    """Change ``entry`` as ``values`` say."""
    for key, value in values.items():
        if key.startswith(_XATTR):
            if entry.xattrs is None:
                entry.xattrs = {}
            entry.xattrs[key[len(_XATTR) :]] = value
        elif not value:
            continue  # "as if it were not there"
        elif key == b"path":
            entry.name = _text(value)
        elif key == b"linkpath":
            entry.link = _text(value)
        elif key == b"size":
            entry.size = entry.real_size = integer(value)
        elif key == b"uid":
            entry.uid = integer(value)
        elif key == b"gid":
            entry.gid = integer(value)
        elif key == b"mtime":
            entry.mtime_ns = _time(value)


def integer(value: bytes) -> int:
    """A decimal number of at most 20 digits."""
    if not value.isdigit() or len(value) > 20:
        raise Corrupt(f"the layer's archive has a bad number {quoted(value)} in a pax header")
    return int(value)


def _text(value: bytes) -> bytes:
    if b"\0" in value:
        raise Corrupt(f"layer entry {quoted(value)}: its name has a NUL")
    return value


def _time(value: bytes) -> int:
    """Decimal seconds → nanoseconds; digits beyond them are dropped."""
    seconds, _, fraction = value.partition(b".")
    negative = seconds.startswith(b"-")
    whole = integer(seconds.lstrip(b"-") or b"0") * 1_000_000_000
    if fraction:
        whole += integer(fraction[:9].ljust(9, b"0"))
    return -whole if negative else whole
