"""Opening what ``load`` is given: a file, a folder or a stream; plain, gzip, zstd, bzip2 or xz."""

from __future__ import annotations

import io
import os
import stat

from skerry.errors import Corrupt, Invalid, NotFound, OutOfSpace, Unavailable
from skerry.image.archive import FolderMembers, TarMembers
from skerry.store.archive.budget import Budget
from skerry.store.archive.decompress import decompressed
from skerry.store.archive.pipeline import encoding_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from skerry.image.archive import Members
    from skerry.store.staging import Staging

_CHUNK = 1 << 20
# Archives of images shrink to a third, those of sparse disks to a hundredth; bombs to a thousandth and less.
_BOMB_BYTES, _BOMB_RATIO = 1 << 30, 200


def open_members(source: str | BinaryIO, staging: Staging) -> Members:
    """The members of an archive. A plain tar in a file is read in place; a stream, or a compressed archive, is
    written to ``staging`` first: which layer is whose stands behind the layers in most archives."""
    if isinstance(source, str):
        if os.path.isdir(source):
            return FolderMembers(source)
        try:
            fd = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound(f"faccessat {source}: no such file or directory") from None
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
        if not _encoding_of(head):
            return TarMembers(fd)
    budget = Budget(staging.path)
    with open(staging.path + "/archive", "w+b", buffering=0) as spool:
        for chunk in _plain(fd):
            budget.entry(len(chunk))
            spool.write(chunk)
        os.close(fd)
        return TarMembers(os.dup(spool.fileno()))


def _encoding_of(head: bytes) -> str:
    for magic, name in ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz")):  # of layers, these are refused
        if head.startswith(magic):
            return name
    return encoding_of(head)


def _plain(fd: int) -> Iterator[bytes]:
    stream = io.BufferedReader(io.FileIO(fd, closefd=False), _CHUNK)
    head = stream.read(8)
    if not head:
        raise Corrupt("the archive is empty")
    encoding = _encoding_of(head)
    if not encoding:
        yield from _chunks(head, stream)
        return
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for chunk in _chunks(head, stream):
            taken += len(chunk)
            yield chunk

    given = 0
    for chunk in decompressed(counted(), encoding):
        given += len(chunk)
        if given > _BOMB_BYTES and given > taken * _BOMB_RATIO:
            raise Invalid(f"the archive unpacks to more than {_BOMB_RATIO} times its size", hint="unpack it by hand")
        yield chunk


def _chunks(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    chunk = head
    while chunk:
        yield chunk
        chunk = stream.read(_CHUNK)


class Counted:
    """Members that tell how many of their bytes were read."""

    def __init__(self, members: Members, advance: Callable[[int], object]) -> None:
        self._members = members
        self._advance = advance

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        return self._members.has(name)

    def open(self, name: str) -> BinaryIO:
        """A member's bytes."""
        return io.BufferedReader(_CountedFile(self._members.open(name), self._advance), _CHUNK)

    def close(self) -> None:
        """Close the archive."""
        self._members.close()


class _CountedFile(io.RawIOBase):
    def __init__(self, file: BinaryIO, advance: Callable[[int], object]) -> None:
        self._file = file
        self._advance = advance

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        data = self._file.read(memoryview(buffer).nbytes)
        memoryview(buffer).cast("B")[: len(data)] = data
        self._advance(len(data))
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()
