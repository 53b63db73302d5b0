"""Opening what ``load`` is given: a file, a folder or a stream; plain, gzip or zstd."""

from __future__ import annotations

import io
import os
import stat

from skerry.errors import Corrupt, Invalid, NotFound, OutOfSpace, Unavailable
from skerry.image.archive import FolderMembers, TarMembers
from skerry.store.archive.decompress import decompressed
from skerry.store.archive.pipeline import encoding_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from skerry.image.archive import Members
    from skerry.store.staging import Staging

_CHUNK = 1 << 20


def open_members(source: str | BinaryIO, staging: Staging) -> Members:
    """The members of an archive. A plain tar in a file is read in place; a stream, or a compressed archive, is
    written to ``staging`` first: which layer is whose stands behind the layers in most archives."""
    if isinstance(source, str):
        if os.path.isdir(source):
            return FolderMembers(source)
        try:
            fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"stat {source}: no such file or directory") from None
        except OSError as error:
            raise Invalid(f"cannot open {source}: {error.strerror}") from None
    else:
        fd = os.dup(source.fileno())
    try:
        return _from_descriptor(fd, staging)
    except OSError as error:
        os.close(fd)
        kind = OutOfSpace if error.errno in (28, 122) else Unavailable
        raise kind(f"cannot read the archive: {error.strerror}") from None


def _from_descriptor(fd: int, staging: Staging) -> Members:
    if stat.S_ISREG(os.fstat(fd).st_mode) and not os.lseek(fd, 0, os.SEEK_CUR):
        head = os.pread(fd, 8, 0)
        if not head:
            raise Corrupt("the archive is empty")
        if not encoding_of(head):
            return TarMembers(fd)
    with open(staging.path + "/archive", "w+b", buffering=0) as spool:
        for chunk in _plain(fd):
            spool.write(chunk)
        os.close(fd)
        return TarMembers(os.dup(spool.fileno()))


def _plain(fd: int) -> Iterator[bytes]:
    stream = io.BufferedReader(io.FileIO(fd, closefd=False), _CHUNK)
    head = stream.read(8)
    if not head:
        raise Corrupt("the archive is empty")
    chunks = _chunks(head, stream)
    encoding = encoding_of(head)
    return decompressed(chunks, encoding) if encoding else chunks


def _chunks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    chunk = head
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK)
