"""A build context's archives, which come from strangers, unpacked into a folder.

Whatever a link in them says, nothing outside of the folder is written or read.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from skerry.errors import SkerryError, Unavailable
from skerry.store.archive import header
from skerry.store.archive.budget import Budget
from skerry.store.archive.decompress import decompressed
from skerry.store.archive.extract import Extractor
from skerry.store.archive.reader import entries
from skerry.store.archive.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from skerry.store.archive.header import Entry
    from skerry.store.archive.recipe import RecipeWriter

CHUNK = 1 << 20
HEAD = 512  # bytes of a file that tell what it is
_BZIP2, _XZ = b"BZh", b"\xfd7zXZ\0"


def archive_kind(head: bytes) -> str:
    """What the first 512 bytes of a file are: ``tar``, ``gzip``, ``zstd``, ``bzip2``, ``xz`` (of a tar, presumably), or
    "" for something else."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if head.startswith(_BZIP2) and head[4:10] == b"1AY&SY":
        return "bzip2"
    if head.startswith(_XZ):
        return "xz"
    return "tar" if is_tar(head) else ""


def is_tar(head: bytes) -> bool:
    """Whether this is a tar's first header: its checksum is right."""
    if len(head) < HEAD or not head[0]:
        return False
    try:
        header.parse(head[:HEAD])
    except SkerryError:
        return False
    return True


def uncompressed(stream: BinaryIO, head: bytes = b"") -> Iterator[bytes]:
    """The bytes of a file that may be compressed, ``head`` (512 bytes or more) being read already. `Corrupt`."""
    head = head or stream.read(HEAD)
    kind = archive_kind(head)
    chunks = _chunks(stream, head)
    return decompressed(chunks, kind) if kind not in ("", "tar") else chunks


def _chunks(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    while head:
        yield head
        head = stream.read(CHUNK)


class _NoRecipe:
    """These archives are never given back byte by byte."""

    def keep(self, data: bytes) -> None: ...

    def file(self, path: bytes, offset: int, size: int) -> None: ...

    def moved(self, number: int, path: bytes) -> None: ...


def unpack(
    stream: BinaryIO, folder: str, *, head: bytes = b"", max_bytes: int = 0, rootless: bool = False,
    owners: bool = False, advance: Callable[[int], object] | None = None,
) -> None:  # fmt: skip
    """Unpack a tar (plain, gzip, bzip2, xz, zstd) into the existing ``folder``, on the same file system as its parent.

    Links lead nowhere but inside. Devices are left out. Without ``owners`` all belongs to who calls."""
    chunks = uncompressed(stream, head)

    def following() -> bytes:
        chunk = next(chunks, b"")
        while not chunk:
            chunk = next(chunks, None)  # type: ignore[assignment]
            if chunk is None:
                return b""
        if advance is not None:
            advance(len(chunk))
        return chunk

    source = Source(following)
    recipe = cast("RecipeWriter", _NoRecipe())
    kept = f"{folder}.kept"
    try:
        from skerry.store.layer_stage import Umask  # its room brings zstandard, which reading a file does without

        with Umask(), Extractor(
            folder, source, recipe, Budget(folder, max_bytes), kept=kept, rootless=rootless, whiteouts=False
        ) as extractor:  # fmt: skip
            for entry in entries(source, recipe.keep):
                if _wanted(entry, owners=owners):
                    extractor.add(entry)
            extractor.finish()
    except SkerryError as error:
        error.message = error.message.replace("layer entry", "archive entry").replace("the layer", "the archive")
        raise
    except OSError as error:
        raise Unavailable(f"cannot unpack the archive: {os.strerror(error.errno or 0)}") from error
    finally:
        from skerry.store.staging import remove_tree

        remove_tree(kept)


def _wanted(entry: Entry, *, owners: bool) -> bool:
    if entry.kind in (header.CHARACTER, header.BLOCK):
        return False
    if not owners:
        entry.uid, entry.gid = os.geteuid(), os.getegid()
    return True
