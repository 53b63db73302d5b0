"""A tar's recipe: all its bytes but the files' data, and where that data is. Gives the exact tar back.

The idea is tar-split's. A zstd stream of records:
  H length bytes             headers, padding, what follows the archive's end
  F offset length path       data of ``diff/PATH``
  M number path              from here on ``path`` (and what is below it) is something else; what earlier records
                             mean by it was moved to ``kept/NUMBER``
"""

from __future__ import annotations

import os
import struct

import zstandard

from skerry.errors import Corrupt
from skerry.linux.beneath import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADERS, _FILE, _MOVED = struct.Struct("<cI"), struct.Struct("<cQQH"), struct.Struct("<cIH")
_FLUSH = 1 << 18
_PIECE = 1 << 20


class RecipeWriter:
    """Writes a recipe to ``path``."""

    def __init__(self, path: str) -> None:
        self._file = open(path, "wb", buffering=0)
        self._compressor = zstandard.ZstdCompressor(level=1).compressobj()
        self._headers: list[bytes] = []
        self._headers_size = 0
        self._records: list[bytes] = []
        self._records_size = 0

    def keep(self, data: bytes) -> None:
        """Bytes of the tar that are no file's data."""
        self._headers.append(data)
        self._headers_size += len(data)
        if self._headers_size > _FLUSH:
            self._flush_headers()

    def file(self, path: bytes, offset: int, size: int) -> None:
        """The next ``size`` bytes are those of ``path`` from ``offset`` on."""
        self._flush_headers()
        self._record(_FILE.pack(b"F", offset, size, len(path)) + path)

    def moved(self, number: int, path: bytes) -> None:
        """``path`` was moved away to make room for another entry."""
        self._flush_headers()
        self._record(_MOVED.pack(b"M", number, len(path)) + path)

    def close(self) -> None:
        """Write what is left."""
        self._flush_headers()
        self._flush()
        self._write(self._compressor.flush())
        self._file.close()

    def abandon(self) -> None:
        """Close without finishing; idempotent."""
        self._file.close()

    def _flush_headers(self) -> None:
        if self._headers:
            data = b"".join(self._headers)
            self._headers.clear()
            self._headers_size = 0
            self._record(_HEADERS.pack(b"H", len(data)) + data)

    def _record(self, record: bytes) -> None:
        self._records.append(record)
        self._records_size += len(record)
        if self._records_size > _FLUSH:
            self._flush()

    def _flush(self) -> None:
        self._write(self._compressor.compress(b"".join(self._records)))
        self._records.clear()
        self._records_size = 0

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]


def tar_chunks(recipe: str, folder: str) -> Iterator[bytes]:
    """The tar, from its ``recipe`` and the layer's ``folder`` (that holds diff/ and perhaps kept/)."""
    moves = _moves(recipe)
    root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        gathered: list[bytes] = []
        size = 0
        for index, (kind, data, offset, length) in enumerate(_records(recipe)):
            if kind == b"H":
                gathered.append(data)
                size += len(data)
            elif kind == b"F":
                for piece in _data(root, _located(data, index, moves), offset, length):
                    gathered.append(piece)
                    size += len(piece)
                    if size >= _PIECE:
                        yield b"".join(gathered)
                        gathered, size = [], 0
            if size >= _PIECE:
                yield b"".join(gathered)
                gathered, size = [], 0
        if gathered:
            yield b"".join(gathered)
    finally:
        os.close(root)


def ends_of_files(recipe: str) -> dict[bytes, int]:
    """How long the files with data in the layer's tree are, by their paths in it. `Corrupt`."""
    moves = _moves(recipe)
    found: dict[bytes, int] = {}
    for index, (kind, data, offset, length) in enumerate(_records(recipe)):
        if kind == b"F":
            place, _, path = _located(data, index, moves).partition(b"/")
            if place == b"diff":
                found[path] = max(found.get(path, 0), offset + length)
    return found


def _moves(recipe: str) -> list[tuple[int, int, bytes]]:
    return [
        (index, number, path) for index, (kind, path, number, _) in enumerate(_records(recipe)) if kind == b"M"
    ] if os.path.isdir(os.path.join(os.path.dirname(recipe), "kept")) else []  # fmt: skip


def _located(path: bytes, index: int, moves: list[tuple[int, int, bytes]]) -> bytes:
    for moved_at, number, prefix in moves:
        if moved_at > index and (path == prefix or path.startswith(prefix + b"/")):
            return b"kept/%d%s" % (number, path[len(prefix) :])
    return b"diff/" + path


def _data(root: int, path: bytes, offset: int, length: int) -> Iterator[bytes]:
    try:
        fd = openat2(root, os.fsdecode(path), os.O_RDONLY, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
    except OSError as error:
        raise Corrupt(f"a file of the layer is gone or replaced: {os.fsdecode(path)!r}: {error.strerror}") from error
    try:
        while length:
            piece = os.pread(fd, min(length, _PIECE), offset)
            if not piece:
                raise Corrupt(f"a file of the layer was cut: {os.fsdecode(path)!r}")
            length -= len(piece)
            offset += len(piece)
            yield piece
    finally:
        os.close(fd)


def _records(recipe: str) -> Iterator[tuple[bytes, bytes, int, int]]:
    """(kind, bytes or path, offset or number, length)."""
    try:
        with open(recipe, "rb") as file:
            reader = zstandard.ZstdDecompressor().stream_reader(file, read_size=1 << 17)
            buffer = _Buffer(reader)
            while kind := buffer.peek():
                if kind == b"H":
                    _, size = _HEADERS.unpack(buffer.take(_HEADERS.size))
                    yield b"H", buffer.take(size), 0, 0
                elif kind == b"F":
                    _, offset, length, size = _FILE.unpack(buffer.take(_FILE.size))
                    yield b"F", buffer.take(size), offset, length
                else:
                    _, number, size = _MOVED.unpack(buffer.take(_MOVED.size))
                    yield b"M", buffer.take(size), number, 0
    except (zstandard.ZstdError, struct.error) as error:
        raise Corrupt(f"the layer's recipe is damaged: {recipe}: {error}") from error
    except OSError as error:
        raise Corrupt(f"the layer's recipe cannot be read: {recipe}: {error.strerror}") from error


class _Buffer:
    """Reads of any size over zstandard's reader, whose small reads are slow."""

    def __init__(self, reader: zstandard.ZstdDecompressionReader) -> None:
        self._reader = reader
        self._data = b""
        self._position = 0

    def peek(self) -> bytes:
        if self._position >= len(self._data):
            self._data, self._position = self._reader.read(_PIECE), 0
        return self._data[self._position : self._position + 1]

    def take(self, size: int) -> bytes:
        while len(self._data) - self._position < size:
            more = self._reader.read(_PIECE)
            if not more:
                raise struct.error("it ends early")
            self._data, self._position = self._data[self._position :] + more, 0
        piece = self._data[self._position : self._position + size]
        self._position += size
        return piece
