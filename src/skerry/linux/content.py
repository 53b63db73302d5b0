"""Copying what is in a file, between descriptors."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_PIECE = 1 << 26


def nothing() -> None:
    """What is done between pieces where nobody can interrupt."""


def copy_content(source: int, target: int, *, between: Callable[[], None] = nothing) -> None:
    """All bytes; holes stay holes. ``between`` is called every some ten MiB, and may raise."""
    status = os.fstat(source)
    if status.st_blocks * 512 < status.st_size:
        _copy_around_holes(source, target, status.st_size, between)
    elif status.st_size:
        _transfer(source, target, status.st_size, between)
    else:
        while chunk := os.read(source, 1 << 20):  # nothing; or a file of /proc, which tells no size
            os.write(target, chunk)


def extents(fd: int, size: int) -> Iterator[tuple[int, bool]]:
    """From the position on: (length, whether there is data). The position is at each one's beginning. A file without
    holes is one."""
    position = os.lseek(fd, 0, os.SEEK_CUR)
    while position < size:
        try:
            begin = min(os.lseek(fd, position, os.SEEK_DATA), size)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            begin = size  # a hole is the last
        if begin > position:
            os.lseek(fd, position, os.SEEK_SET)
            yield begin - position, False
        if begin < size:
            position = min(os.lseek(fd, begin, os.SEEK_HOLE), size)
            os.lseek(fd, begin, os.SEEK_SET)
            yield position - begin, True
        else:
            position = size
    os.lseek(fd, size, os.SEEK_SET)


def _copy_around_holes(source: int, target: int, size: int, between: Callable[[], None]) -> None:
    at, start = 0, os.lseek(source, 0, os.SEEK_CUR)
    for length, data in extents(source, size):
        if data:
            os.lseek(target, at, os.SEEK_SET)
            _transfer(source, target, length, between)
        at += length
    os.ftruncate(target, size - start)


def _transfer(source: int, target: int, size: int, between: Callable[[], None]) -> None:
    """In the kernel where it can (a reflink where the file system has them)."""
    copied = 0
    try:
        while copied < size and (count := os.copy_file_range(source, target, min(size - copied, _PIECE))):
            copied += count
            between()
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM):
            raise
    while copied < size and (count := os.sendfile(target, source, None, min(size - copied, _PIECE))):
        copied += count
        between()
