"""What ``os`` lacks for files: syncfs, renameat2, fallocate's holes."""

from __future__ import annotations

import os

from skerry.linux.libc import call, syscall

AT_FDCWD = -100 & 0xFFFFFFFF
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2


def syncfs(path: str) -> None:
    """syncfs(2): all of the file system that holds ``path`` is on disk; errors are reported since Linux 5.8."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        call("syncfs", fd, about=path)
    finally:
        os.close(fd)


def fsync_file(path: str) -> None:
    """fsync(2) of a file that somebody else has written: its content is on disk."""
    _fsync(path, 0)


def fsync_folder(path: str) -> None:
    """fsync(2) of a folder: its entries (a rename) are on disk."""
    _fsync(path, os.O_DIRECTORY)


def _fsync(path: str, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY | flags | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def rename(source: str, target: str, flags: int = 0) -> None:
    """renameat2(2)."""
    syscall("renameat2", AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags, about=target)
