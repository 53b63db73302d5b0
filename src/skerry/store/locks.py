"""Locks between processes: flock(2) on a file, which the kernel drops when its holder dies.

Lock order, always: pod, container, network, image, layer (design.md). A lock's file may be removed by whoever
holds it exclusively; `Lock` notices that it waited for a removed file and starts again.
"""

from __future__ import annotations

import errno
import fcntl
import os

from skerry.errors import OutOfSpace, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Lock:
    """A held lock; a context manager, or `release` by hand. Not inherited by programs that are executed."""

    __slots__ = ("_fd", "_fleeting", "path")

    def __init__(self, path: str, *, shared: bool = False, blocking: bool = True, fleeting: bool = False) -> None:
        """Take the lock. ``BlockingIOError`` when ``blocking`` is false and another process holds it.

        ``fleeting``: an exclusive one whose file is unlinked when it is released."""
        self.path = path
        self._fleeting = fleeting
        operation = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if blocking else fcntl.LOCK_NB)
        while True:
            self._fd = _open(path)
            try:
                fcntl.flock(self._fd, operation)
                if is_same_file(self._fd, path):
                    return
            except BaseException:
                os.close(self._fd)
                raise
            os.close(self._fd)

    def release(self, *, remove: bool = False) -> None:
        """Give the lock back; ``remove`` also unlinks its file (only by an exclusive holder). Idempotent."""
        if self._fd < 0:
            return
        if remove or self._fleeting:
            try:
                os.unlink(self.path)
            except FileNotFoundError:
                pass  # somebody swept it; nobody can hold it but us
        os.close(self._fd)
        self._fd = -1

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        try:
            return os.open(path, flags, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            return os.open(path, flags, 0o600)
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot open lock {path}: {os.strerror(error.errno or 0)}") from error


def is_same_file(fd: int, path: str) -> bool:
    """Whether ``path`` still names the file that is open as ``fd``."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    held = os.fstat(fd)
    return (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino)
