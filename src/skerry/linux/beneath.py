"""Opening paths that an image chose, without ever leaving the image: openat2(2) with RESOLVE_IN_ROOT."""

from __future__ import annotations

import errno
import os
import time

from skerry.linux.libc import syscall

_TRIES = 200
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH, RESOLVE_IN_ROOT = 1, 2, 4, 8, 16


def openat2(dir_fd: int, path: str, flags: int, *, mode: int = 0, resolve: int = 0) -> int:
    """openat2(2). ENOSYS before Linux 5.6."""
    how = b"".join(value.to_bytes(8, "little") for value in (flags | os.O_CLOEXEC, mode, resolve))
    for _ in range(_TRIES):
        try:
            return syscall("openat2", dir_fd, os.fsencode(path), how, len(how), about=path)
        except BlockingIOError:
            # Somewhere on the host something was mounted or renamed while the kernel took a ``..``: it cannot tell
            # whether that led out, and asks to be called again.
            time.sleep(0.001)
    return syscall("openat2", dir_fd, os.fsencode(path), how, len(how), about=path)


def open_in_root(root: str, path: str, flags: int = os.O_RDONLY, *, mode: int = 0) -> int:
    """Open ``path`` as a process with ``root`` as its root directory would; symbolic links cannot lead out of it."""
    root_fd = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return openat2(root_fd, path, flags, mode=mode, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    finally:
        os.close(root_fd)


def is_mount_point(path: str) -> bool:
    """Whether something is mounted at ``path``; links are not followed. Other than `os.path.ismount` it also knows a
    folder that is bound from the same file system."""
    parent = os.open(os.path.dirname(path) or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(openat2(parent, os.path.basename(path), os.O_PATH | os.O_NOFOLLOW, resolve=RESOLVE_NO_XDEV))
    except OSError as error:
        return error.errno == errno.EXDEV
    finally:
        os.close(parent)
    return False
