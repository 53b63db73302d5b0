"""gzip (several members) by isal, zstd (several frames) by zstandard, and whole archives' bzip2 and xz by Python's own
libraries, in chunks of bounded size."""

from __future__ import annotations

from threading import Lock

from skerry.errors import Corrupt, Unsupported
from skerry.store.archive.zstd_frames import FrameWalker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_OUTPUT = 1 << 20
# A zstd frame's window is memory that its sender chooses. The usual ones (8 MiB up to level 19) are taken as they come,
# by several streams at a time; of larger ones only one stream decompresses at a time, so that all together stay small.
_USUAL_WINDOW, _MAX_WINDOW = 8 << 20, 64 << 20
_LARGE = Lock()


def decompressed(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The content of ``chunks``, compressed by gzip, zstd, bzip2 or xz. `Corrupt` when it is damaged or ends early."""
    if encoding in ("bzip2", "xz"):
        return _by_library(chunks, encoding)
    return _gunzip(chunks) if encoding == "gzip" else _unzstd(chunks)


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    from isal import igzip_lib

    member: igzip_lib.IgzipDecompressor | None = None
    data = b""
    try:
        while True:
            if member is None:
                if not data and not (data := next(chunks, b"")):
                    return
                if not data.strip(b"\0"):  # padding after the last member
                    data = b""
                    continue
                member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
            elif member.needs_input and not data and not (data := next(chunks, b"")):
                raise Corrupt("the layer's gzip stream is truncated")
            output = member.decompress(data, _OUTPUT)
            data = b""
            if member.eof:
                data, member = member.unused_data, None
            if output:
                yield output
    except (igzip_lib.IsalError, EOFError) as error:  # type: ignore[misc]
        raise Corrupt(f"the layer's gzip stream is damaged: {error}") from None


class _Readable:
    """The file object that zstandard wants. Notices whether the stream ended where it should, and how much memory a
    frame wants before its decompressor sees it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.frames = FrameWalker()
        self.is_large = False

    def read(self, _size: int) -> bytes:
        data = next(self._chunks, b"")
        self.frames.feed(data)
        if self.frames.window > _USUAL_WINDOW and not self.is_large:
            _LARGE.acquire()
            self.is_large = True
        if self.frames.window > _MAX_WINDOW:
            raise Unsupported(
                f"the layer's zstd stream wants a window of {self.frames.window >> 20} MiB, more than "
                f"{_MAX_WINDOW >> 20}: it was made with --long or --ultra"
            )
        return data


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard

    # Single segments are rounded up to at least a block, so the library's own limit must not be the tighter one.
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW * 2)
    # The reader's output is bounded, unlike decompressobj's: three bytes of input can be 128 KiB of output.
    source = _Readable(chunks)
    reader = decompressor.stream_reader(source, read_size=1 << 20, read_across_frames=True)  # type: ignore[arg-type]
    try:
        while output := reader.read(_OUTPUT):
            yield output
        if not source.frames.complete:
            raise Corrupt("the layer's zstd stream is truncated")
    except zstandard.ZstdError as error:
        raise Corrupt(f"the layer's zstd stream is damaged: {error}") from None
    finally:
        del reader, decompressor  # their memory goes before the next stream may take as much
        if source.is_large:
            _LARGE.release()


def _by_library(chunks: Iterator[bytes], kind: str) -> Iterator[bytes]:
    import bz2
    import lzma

    def start() -> Any:
        # An archive may not choose how much memory it takes.
        return bz2.BZ2Decompressor() if kind == "bzip2" else lzma.LZMADecompressor(memlimit=1 << 28)

    decompressor = start()
    try:
        for chunk in chunks:
            data = chunk
            while True:
                if decompressor.eof:
                    data = decompressor.unused_data or data
                    if not data.strip(b"\0"):
                        break
                    decompressor = start()
                yield decompressor.decompress(data, _OUTPUT)
                data = b""
                if decompressor.eof:
                    if not decompressor.unused_data:
                        break
                elif decompressor.needs_input:
                    break
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise Corrupt(f"the archive's {kind} stream is damaged: {error}") from None
    if not decompressor.eof:
        raise Corrupt(f"the archive's {kind} stream is truncated")
