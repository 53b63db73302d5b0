"""Compressing a layer's tar for a registry. The result depends on the bytes and the library's version alone."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

# Measured: isal's level 2 is 17 times faster than zlib's 6 at 11 % more bytes; zstd's 3 is smaller than both.
_GZIP_LEVEL, _ZSTD_LEVEL = 2, 3


def compress_layer_tar(chunks: Iterable[bytes], encoding: str, *, level: int | None = None) -> Iterator[bytes]:
    """``chunks`` compressed with ``gzip`` (0-9; to 3 by isal, which is many times faster) or ``zstd`` (1-22)."""
    if encoding == "gzip" and level is not None and level > 3:
        import zlib

        yield from _through(zlib.compressobj(level, zlib.DEFLATED, 31), chunks)
    elif encoding == "gzip":
        from isal import isal_zlib

        gzip = isal_zlib.compressobj(_GZIP_LEVEL if level is None else level, isal_zlib.DEFLATED, 31)
        yield from _through(gzip, chunks)
    elif encoding == "zstd":
        import zstandard

        zstd = zstandard.ZstdCompressor(level=level or _ZSTD_LEVEL, write_checksum=True).compressobj()
        yield from _through(zstd, chunks)
    else:
        raise Invalid(f"unknown compression {encoding!r}", hint="gzip and zstd are known")


def _through(compressor: Any, chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if data := compressor.compress(chunk):
            yield data
    yield compressor.flush()
