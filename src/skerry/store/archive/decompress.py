"""gzip (several members) by isal and zstd (several frames) by zstandard, in chunks of bounded size."""

from __future__ import annotations

from skerry.errors import Corrupt
from skerry.store.archive.zstd_frames import FrameWalker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_OUTPUT = 1 << 20
_MAX_ZSTD_WINDOW = 1 << 27  # what zstd itself accepts without --long; a larger one is memory that the sender chooses


def decompressed(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """The content of ``chunks``. `Corrupt` when it is damaged or ends early."""
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
    """The file object that zstandard wants. Notices whether the stream ended where it should."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.frames = FrameWalker()

    def read(self, _size: int) -> bytes:
        data = next(self._chunks, b"")
        self.frames.feed(data)
        return data


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_ZSTD_WINDOW)
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
