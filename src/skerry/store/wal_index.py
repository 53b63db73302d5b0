"""The WAL's index on file systems whose blocks are smaller than a page.

SQLite maps the index (``…-shm``) and makes room for it by writing one byte to each of its pages. Where a page is of
several blocks the others stay holes, and touching one on a full disk is SIGBUS (seen on ext4 with blocks of 1 KiB, which
mkfs chooses below 512 MiB). There the file gets all its blocks before SQLite maps it.
"""

from __future__ import annotations

import fcntl
import os

from skerry.store.locks import is_same_file

_SIZE = 32 << 10  # of the index's first part: enough for a log of 4000 pages, and it is written back at 1000
_DEAD_MAN_SWITCH = 128  # the byte that every connection holds a read lock on: who finds it free empties the file
# Never closed: that would drop this process's own POSIX locks on the file, and so SQLite's.
_held: dict[str, int] = {}


def fill_holes(database: str) -> None:
    """Before it is opened, where blocks are smaller than a page. ``OSError`` ENOSPC when there is no room."""
    path = database + "-shm"
    fd = _held.get(path, -1)
    if fd < 0 or not is_same_file(fd, path):
        fd = _held[path] = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # As SQLite does: the first one empties what an earlier boot may have left.
        if _lock(fd, fcntl.F_WRLCK, fcntl.F_OFD_SETLK):
            os.ftruncate(fd, 0)
        # From now on SQLite sees a connection, and leaves the file as it is.
        _lock(fd, fcntl.F_RDLCK, fcntl.F_OFD_SETLKW)
    if os.fstat(fd).st_blocks << 9 < _SIZE:
        os.posix_fallocate(fd, 0, _SIZE)


def _lock(fd: int, kind: int, operation: int) -> bool:
    """A lock that belongs to the descriptor, so that SQLite's in this process see it; False when another holds one."""
    import struct

    try:
        fcntl.fcntl(fd, operation, struct.pack("hhqqi4x", kind, os.SEEK_SET, _DEAD_MAN_SWITCH, 1, 0))
    except BlockingIOError:
        return False
    return True
