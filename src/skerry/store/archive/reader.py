"""The members of an archive, extension headers applied. Everything that is not file data goes to ``keep`` as well."""

from __future__ import annotations

from skerry.errors import Corrupt
from skerry.store.archive import header, pax, sparse
from skerry.store.archive.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skerry.store.archive.header import Entry
    from skerry.store.archive.source import Source

_MAX_EXTENSION = 1 << 20  # as Go's archive/tar: more is an attack on memory
_ZERO = bytes(512)
_EXTENSIONS = frozenset(b"xXgLKVND"[i : i + 1] for i in range(8)) - {b"D"}
_KNOWN = header.HEADER_ONLY | {header.REGULAR}


class _Pending:
    """What extension headers said about the next entry."""

    __slots__ = ("link", "name", "pax")

    def __init__(self) -> None:
        self.pax: pax.Pax | None = None
        self.name: bytes | None = None
        self.link: bytes | None = None


def entries(source: Source, keep: Callable[[bytes], None]) -> Iterator[Entry]:
    """Each entry in turn. The consumer takes ``entry.size`` bytes of data from ``source`` before the next one;
    padding, headers and whatever follows the archive's end are read here and kept.
    """
    globals_: dict[bytes, bytes] = {}
    pending: _Pending | None = None
    while block := source.block():
        keep(block)
        if block == _ZERO:
            _finish(source, keep)
            if pending:
                raise Corrupt("the layer's archive ends within an entry")
            return
        entry = header.parse(block)
        kind = entry.kind
        if kind in _EXTENSIONS:
            pending = _extension(entry, source, keep, globals_, pending)
            continue
        if globals_:
            pax.apply(entry, globals_)
        if pending:
            _apply(entry, pending, source, keep)
        kind = entry.kind
        if kind == header.SPARSE:
            sparse.read_old(entry, block, source, keep)
            entry.kind = header.REGULAR
        elif kind in header.HEADER_ONLY:
            entry.size = 0
        elif kind == b"D":
            entry.kind = header.FOLDER
            _keep_data(source, keep, entry.size)
            entry.size = 0
        elif kind not in _KNOWN:
            raise Corrupt(f"layer entry {quoted(entry.name)}: unknown type {quoted(kind)}")
        pending = None
        size = entry.size
        yield entry
        if size & 511:
            keep(source.take(-size & 511))
    if pending:
        raise Corrupt("the layer's archive ends within an entry")


def _finish(source: Source, keep: Callable[[bytes], None]) -> None:
    """Two zero blocks end the archive; what follows them is nobody's business (padding, rubbish)."""
    second = source.block()
    keep(second)
    if second and second != _ZERO:
        raise Corrupt("the layer's archive has a zero block between its entries")
    for data in source.rest():
        keep(data)


def _extension(
    entry: Entry, source: Source, keep: Callable[[bytes], None], globals_: dict[bytes, bytes], pending: _Pending | None
) -> _Pending | None:
    kind, size = entry.kind, entry.size
    if kind in (b"V", b"N"):  # a volume's label; names as GNU tar wrote them before 1990
        _keep_data(source, keep, size)
        return pending
    if size > _MAX_EXTENSION:
        raise Corrupt(f"the layer's archive has an extension header of {size} bytes", hint="1 MiB is the limit")
    padded = source.take(size + (-size & 511))
    keep(padded)
    data = padded[:size]
    if kind == b"g":
        pax.merge_global(globals_, pax.parse(data))
        return pending
    pending = pending or _Pending()
    if kind == b"L":
        pending.name = data.partition(b"\0")[0]
    elif kind == b"K":
        pending.link = data.partition(b"\0")[0]
    else:
        pending.pax = pax.parse(data)
    return pending


def _apply(entry: Entry, pending: _Pending, source: Source, keep: Callable[[bytes], None]) -> None:
    if pending.name is not None:
        entry.name = pending.name
        if entry.kind == header.REGULAR and entry.name.endswith(b"/"):
            entry.kind = header.FOLDER
    if pending.link is not None:
        entry.link = pending.link
    if pending.pax:
        pax.apply(entry, pending.pax.values)
        if entry.kind == header.REGULAR:
            sparse.read_pax(entry, pending.pax, source, keep)


def _keep_data(source: Source, keep: Callable[[bytes], None], size: int) -> None:
    for piece in source.pieces(size + (-size & 511)):
        keep(bytes(piece))
