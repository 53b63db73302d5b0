"""zstd streams and the memory that they want."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import zstandard

from skerry.errors import SkerryError
from skerry.store.archive.decompress import decompressed
from skerry.store.archive.zstd_frames import FrameWalker

DATA = bytes(range(256)) * 4096


def compressed(data: bytes, window_log: int, *, whole: bool = False) -> bytes:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=window_log)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    if whole:  # its size is known: a single segment, if it fits into the window
        return compressor.compress(data)
    stream = compressor.compressobj()
    return stream.compress(data) + stream.flush()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("window_log", [10, 17, 23, 27])
@pytest.mark.parametrize("size", [1, 255, 256, 300, 70_000, 1 << 20])
def test_windows_are_read_as_the_library_reads_them(size: int, window_log: int, whole: bool) -> None:
    stream = compressed(DATA[:size], window_log, whole=whole)
    walker = FrameWalker()
    for position in range(0, len(stream), 7):
        walker.feed(stream[position : position + 7])
    assert walker.complete
    assert walker.window == zstandard.get_frame_parameters(stream).window_size


def test_the_hungriest_of_several_frames_counts() -> None:
    walker = FrameWalker()
    walker.feed(compressed(DATA, 20) + compressed(DATA, 24) + compressed(DATA, 18))
    assert walker.window == 1 << 24


@pytest.mark.parametrize("window_log", [10, 23, 24, 26])
def test_what_is_within_the_bound_is_decompressed(window_log: int) -> None:
    stream = compressed(DATA, 10) + compressed(DATA, window_log)
    assert b"".join(decompressed(iter([stream]), "zstd")) == DATA + DATA


def test_a_window_that_is_too_large_is_refused_before_memory_is_taken() -> None:
    with pytest.raises(SkerryError, match="wants a window of 128 MiB, more than 64"):
        list(decompressed(iter([compressed(DATA, 27)]), "zstd"))
    # The next one is not kept waiting by it.
    assert b"".join(decompressed(iter([compressed(DATA, 25)]), "zstd")) == DATA


def test_streams_with_large_windows_take_turns() -> None:
    """The second begins when the first has ended, also when that is left half-way."""
    order: list[str] = []

    def feed(name: str) -> Iterator[bytes]:
        yield compressed(DATA, 25)
        order.append(name)
        yield compressed(DATA, 25)

    first = decompressed(feed("first"), "zstd")
    next(first)
    second = threading.Thread(target=lambda: order.append(str(len(list(decompressed(feed("second"), "zstd"))))))
    second.start()
    second.join(0.3)
    assert second.is_alive()
    first.close()  # type: ignore[attr-defined]
    second.join(10)
    assert not second.is_alive()
    assert order[-2] == "second"
