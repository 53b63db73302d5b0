"""Copying what is in a file, between descriptors."""

from __future__ import annotations

import errno
import os


def copy_content(source: int, target: int) -> None:
    """All bytes; holes stay holes."""
    status = os.fstat(source)
    if status.st_blocks * 512 < status.st_size:
        _copy_around_holes(source, target, status.st_size)
    elif status.st_size:
        _transfer(source, target, status.st_size)
    else:
        while chunk := os.read(source, 1 << 20):  # nothing; or a file of /proc, which tells no size
            os.write(target, chunk)


def _copy_around_holes(source: int, target: int, size: int) -> None:
    start = end = os.lseek(source, 0, os.SEEK_CUR)
    while end < size:
        try:
            begin = os.lseek(source, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            break  # a hole is the last
        end = os.lseek(source, begin, os.SEEK_HOLE)
        os.lseek(source, begin, os.SEEK_SET)
        os.lseek(target, begin - start, os.SEEK_SET)
        _transfer(source, target, end - begin)
    os.ftruncate(target, size - start)


def _transfer(source: int, target: int, size: int) -> None:
    """In the kernel where it can (a reflink where the file system has them)."""
    copied = 0
    try:
        while copied < size and (count := os.copy_file_range(source, target, min(size - copied, 1 << 30))):
            copied += count
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM):
            raise
    while copied < size and (count := os.sendfile(target, source, None, min(size - copied, 1 << 24))):
        copied += count
