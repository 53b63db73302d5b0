"""Sparse files as GNU tar writes them: its old format and pax 0.0, 0.1, 1.0. A map is a list of (offset, length)."""

from __future__ import annotations

from skerry.errors import Corrupt
from skerry.store.archive.header import Entry, number
from skerry.store.archive.names import quoted
from skerry.store.archive.pax import Pax, integer
from skerry.store.archive.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_PIECES = 1 << 18  # 256 Ki holes in one file: a map of 30 MB in memory


def read_old(entry: Entry, block: bytes, source: Source, keep: Callable[[bytes], None]) -> None:
    """Typeflag ``S``: four pairs in the header, 21 in each block that follows it."""
    pieces = _pairs(block[386:482], entry)
    extended = block[482]
    while extended:
        more = source.take(512)
        keep(more)
        pieces += _pairs(more[:504], entry)
        extended = more[504]
        if len(pieces) > _MAX_PIECES:
            raise _bad(entry, "too many holes")
    entry.real_size = number(block[483:495], entry.name)
    entry.sparse = pieces
    check(entry)


def _pairs(data: bytes, entry: Entry) -> list[tuple[int, int]]:
    result = []
    for position in range(0, len(data), 24):
        if data[position] == 0:
            break
        offset = number(data[position : position + 12], entry.name)
        result.append((offset, number(data[position + 12 : position + 24], entry.name)))
    return result


def read_pax(entry: Entry, pax: Pax, source: Source, keep: Callable[[bytes], None]) -> None:
    """pax 0.0 (repeated records), 0.1 (one record), 1.0 (a map before the data)."""
    values = pax.values
    size = values.get(b"GNU.sparse.realsize") or values.get(b"GNU.sparse.size")
    if name := values.get(b"GNU.sparse.name"):
        if b"\0" in name:
            raise _bad(entry, "its name has a NUL")
        entry.name = name
    if values.get(b"GNU.sparse.major") == b"1":
        entry.sparse = _map_before_data(entry, source, keep)
    elif (text := values.get(b"GNU.sparse.map")) is not None:
        numbers = [integer(part) for part in text.split(b",")] if text else []
        entry.sparse = list(zip(numbers[::2], numbers[1::2], strict=len(numbers) % 2 == 0 or _odd(entry)))
    elif pax.pairs or b"GNU.sparse.numblocks" in values:
        entry.sparse = pax.pairs
    else:
        return
    entry.real_size = integer(size) if size else entry.size
    check(entry)


def _odd(entry: Entry) -> bool:
    raise _bad(entry, "odd")


def _map_before_data(entry: Entry, source: Source, keep: Callable[[bytes], None]) -> list[tuple[int, int]]:
    """Decimal lines: how many pairs, then offset and length of each, padded to a block."""
    numbers: list[int] = []
    line = b""
    wanted = 1
    while len(numbers) < wanted:
        if entry.size < 512:
            raise _bad(entry, "it ends early")
        block = source.take(512)
        keep(block)
        entry.size -= 512
        *lines, line = (line + block).split(b"\n")
        if len(line) > 32 and len(numbers) + len(lines) < wanted:
            raise _bad(entry, "not a number")
        for text in lines[: wanted - len(numbers) if numbers else None]:
            if len(numbers) == wanted:
                break
            numbers.append(integer(text))
            wanted = 1 + 2 * numbers[0]
            if numbers[0] > _MAX_PIECES:
                raise _bad(entry, "too many holes")
    return list(zip(numbers[1::2], numbers[2::2], strict=True))


def check(entry: Entry) -> None:
    """Pieces in order, apart, within the file, and as long together as the data that follows."""
    end = total = 0
    assert entry.sparse is not None
    for offset, length in entry.sparse:
        if offset < end or offset + length > entry.real_size:
            raise _bad(entry, "pieces overlap or lie outside of the file")
        end = offset + length
        total += length
    if total != entry.size:
        raise _bad(entry, "it does not fit the data")


def _bad(entry: Entry, why: str) -> Corrupt:
    return Corrupt(f"layer entry {quoted(entry.name)}: bad sparse map: {why}")
