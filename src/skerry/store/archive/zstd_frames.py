"""Following the frames of a zstd stream (RFC 8878) without decompressing: does it end where it should?

zstandard's bounded reader takes a stream that was cut for one that ended.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator

_MAGIC = b"\x28\xb5\x2f\xfd"
_RAW, _RLE = 0, 1
_ID_SIZES, _CONTENT_SIZES = (0, 1, 2, 4), (0, 2, 4, 8)


class FrameWalker:
    """`feed` it everything; ``complete`` says whether the stream may end here, ``window`` how much memory the
    hungriest frame up to here makes its decompressor take."""

    __slots__ = ("_between", "_buffer", "_skip", "_walk", "_wanted", "window")

    def __init__(self) -> None:
        self.window = 0
        self._between = True
        self._buffer = b""
        self._skip = 0
        self._walk = self._frames()
        self._wanted = next(self._walk)

    @property
    def complete(self) -> bool:
        """Between two frames, and nothing of another one seen."""
        return self._between and not self._buffer and not self._skip

    def feed(self, data: bytes) -> None:
        """The next bytes of the stream."""
        position, end = 0, len(data)
        while position < end:
            if self._skip:
                count = min(self._skip, end - position)
                self._skip -= count
                position += count
                continue
            count = min(self._wanted - len(self._buffer), end - position)
            self._buffer += data[position : position + count]
            position += count
            if len(self._buffer) == self._wanted:
                piece, self._buffer = self._buffer, b""
                self._wanted = self._walk.send(piece)

    def _frames(self) -> Generator[int, bytes, None]:
        """Yields how many bytes it needs next, after ``_skip`` that nobody needs."""
        while True:
            self._between = True
            magic = yield 4
            self._between = False
            if magic != _MAGIC:  # a skippable frame; the decompressor refuses what is neither
                size = yield 4
                self._skip = int.from_bytes(size, "little")
                continue
            descriptor = (yield 1)[0]
            single = descriptor >> 5 & 1
            content = _CONTENT_SIZES[descriptor >> 6] or single
            header = yield (not single) + _ID_SIZES[descriptor & 3] + content
            self.window = max(self.window, _window(header, single, content))
            last = 0
            while not last:
                block = int.from_bytes((yield 3), "little")
                last, kind = block & 1, block >> 1 & 3
                self._skip = 1 if kind == _RLE else block >> 3
            if descriptor & 4:
                self._skip += 4


def _window(header: bytes, single: int, content: int) -> int:
    """A frame's window from the rest of its header: given, or all of its content in a single segment."""
    if single:
        size = int.from_bytes(header[-content:], "little")
        return size + 256 if content == 2 else size
    base = 1 << (10 + (header[0] >> 3))
    return base + (base >> 3) * (header[0] & 7)
