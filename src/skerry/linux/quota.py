"""Project quotas (xfs, ext4, f2fs): a limit on what all files below a folder take up together.

A folder is given a project's number, which what is made in it inherits; the limit belongs to the number."""

from __future__ import annotations

import fcntl
import os
import struct

from skerry.linux.libc import syscall

_GET_ATTRIBUTES, _SET_ATTRIBUTES = 0x801C581F, 0x401C5820  # FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR
_ATTRIBUTES = struct.Struct("=IIIII8s")  # xflags, extsize, nextents, projid, cowextsize
_INHERIT = 0x200
_PROJECT = 2
_SET_LIMITS = 0x5804 << 8 | _PROJECT  # Q_XSETQLIM
# version, flags, fields, id; blocks hard and soft, inodes hard and soft; used blocks and inodes; the rest is not ours
_LIMITS = struct.Struct("=bbHIQQQQQQ56s")
_BLOCK = 512
_INODES, _BLOCKS = 0b0011, 0b1100  # soft and hard


def project_of(folder: str) -> int:
    """The number that what is made in a folder inherits; 0 when there is none. ``OSError``: the file system has none."""
    flags, _extent, _extents, project, _cow, _rest = _attributes(folder)
    return project if flags & _INHERIT else 0


def give_project(folder: str, project: int) -> None:
    """Let an empty folder, and what is made in it, count for a project."""
    flags, extent, extents, _project, cow, rest = _attributes(folder)
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.ioctl(fd, _SET_ATTRIBUTES, _ATTRIBUTES.pack(flags | _INHERIT, extent, extents, project, cow, rest))
    finally:
        os.close(fd)


def _attributes(folder: str) -> tuple[int, int, int, int, int, bytes]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        found: tuple[int, int, int, int, int, bytes] = _ATTRIBUTES.unpack(
            fcntl.ioctl(fd, _GET_ATTRIBUTES, bytes(_ATTRIBUTES.size))
        )
        return found
    finally:
        os.close(fd)


def limit(folder: str, project: int, *, size: int, inodes: int) -> None:
    """Set a project's limits on the folder's file system, in bytes and files; 0: none. ``OSError`` (ENOSYS, ESRCH,
    EOPNOTSUPP, …) where that keeps no project quotas."""
    blocks = -(-size // _BLOCK)
    limits = _LIMITS.pack(
        1, _PROJECT, _BLOCKS | _INODES, project, blocks, blocks, inodes, inodes, 0, 0, bytes(56)
    )  # fmt: skip
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        syscall("quotactl_fd", fd, _SET_LIMITS, project, limits, about=folder)
    finally:
        os.close(fd)
