"""Bytes of an archive that arrive in chunks, read in pieces of any size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from skerry.errors import Corrupt


class Source:
    """``next_chunk`` gives the next bytes, ``b""`` at the end. ``consumed`` counts what was handed out."""

    __slots__ = ("_buffer", "_next_chunk", "_position", "consumed")

    def __init__(self, next_chunk: Callable[[], bytes]) -> None:
        self._next_chunk = next_chunk
        self._buffer = b""
        self._position = 0
        self.consumed = 0

    def block(self) -> bytes:
        """The next 512 bytes, or ``b""`` at the very end."""
        position = self._position
        block = self._buffer[position : position + 512]
        if len(block) == 512:
            self._position = position + 512
            self.consumed += 512
            return block
        return self._read(512, partial=False)

    def take(self, size: int) -> bytes:
        """Exactly ``size`` bytes (for small pieces: they are held in memory)."""
        data = self._read(size, partial=False)
        if len(data) != size:
            raise _truncated()
        return data

    def pieces(self, size: int) -> Iterator[memoryview]:
        """``size`` bytes in pieces, without copying."""
        while size:
            available = len(self._buffer) - self._position
            if not available:
                self._refill()
                continue
            count = min(available, size)
            piece = memoryview(self._buffer)[self._position : self._position + count]
            self._position += count
            self.consumed += count
            size -= count
            yield piece

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        data = self._buffer[self._position :]
        self._buffer, self._position = b"", 0
        while data or (data := self._next_chunk()):
            self.consumed += len(data)
            yield data
            data = b""

    def _refill(self) -> None:
        self._buffer, self._position = self._next_chunk(), 0
        if not self._buffer:
            raise _truncated()

    def _read(self, size: int, *, partial: bool) -> bytes:
        parts = []
        missing = size
        while missing:
            piece = self._buffer[self._position : self._position + missing]
            if not piece:
                self._buffer, self._position = self._next_chunk(), 0
                if not self._buffer:
                    break
                continue
            self._position += len(piece)
            missing -= len(piece)
            parts.append(piece)
        data = b"".join(parts)
        self.consumed += len(data)
        if missing and data and not partial:
            raise _truncated()
        return data


def _truncated() -> Corrupt:
    return Corrupt("the layer's archive is truncated")
