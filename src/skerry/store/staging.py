"""Staging folders: where things are built before they are renamed into place.

A staging folder is locked while its maker lives; an unlocked one is garbage that the next command may sweep.
"""

from __future__ import annotations

import errno
import os

from skerry.errors import OutOfSpace, Unavailable
from skerry.store.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class Staging:
    """A private folder ``path`` under the store's ``staging/``; removed, with what is still in it, on exit."""

    __slots__ = ("_lock", "path")

    def __init__(self, parent: str) -> None:
        os.makedirs(parent, mode=0o700, exist_ok=True)
        self.path = os.path.join(parent, os.urandom(8).hex())
        # The lock file comes first: a sweeper never sees an unlocked folder of a living process.
        self._lock = Lock(self.path + ".lock")
        try:
            os.mkdir(self.path, 0o700)
        except OSError as error:
            self._lock.release(remove=True)
            kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
            raise kind(f"cannot make {self.path}: {os.strerror(error.errno or 0)}") from None

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        remove_tree(self.path)
        self._lock.release(remove=True)


def sweep(parent: str) -> int:
    """Remove staging folders whose makers died; how many."""
    try:
        names = os.listdir(parent)
    except FileNotFoundError:
        return 0
    removed = 0
    for name in names:
        base = name.removesuffix(".lock")
        try:
            lock = Lock(os.path.join(parent, base + ".lock"), blocking=False)
        except BlockingIOError:
            continue
        removed += os.path.exists(os.path.join(parent, base))
        remove_tree(os.path.join(parent, base))
        lock.release(remove=True)
    return removed


def remove_tree(path: str) -> None:
    """Remove a tree without following links and without recursion in Python; absent is fine, also what another
    process (conmon, a second command) removes at the same time.

    Directories that forbid it are made writable first (layers hold mode 0 folders, and a user may be mapped)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except NotADirectoryError:
        os.unlink(path)
        return
    except PermissionError:
        os.chmod(path, 0o700)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    # One descriptor however deep the tree is: hostile layers are deeper than a process may have files open. The way
    # back up is "..", which is safe where nobody else moves folders.
    stack: list[tuple[str, list[str]]] = [(path, _empty(fd))]
    try:
        while True:
            name, folders = stack[-1]
            if folders:
                child = folders.pop()
                try:
                    child_fd = _open_folder(child, fd)
                except FileNotFoundError:
                    continue  # another process was faster
                os.close(fd)
                fd = child_fd
                stack.append((child, _empty(fd)))
                continue
            stack.pop()
            if not stack:
                break
            parent_fd = os.open("..", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=fd)
            os.close(fd)
            fd = parent_fd
            _remove_folder(name, fd)
    finally:
        os.close(fd)
    _remove_folder(path)


def _remove_folder(name: str, parent: int | None = None) -> None:
    try:
        os.rmdir(name, dir_fd=parent)
    except FileNotFoundError:
        pass  # another process was faster


def _open_folder(name: str, parent: int) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=parent)
    except PermissionError:
        os.chmod(name, 0o700, dir_fd=parent)
        return os.open(name, flags, dir_fd=parent)


def _empty(fd: int) -> list[str]:
    """Unlink all but the folders in ``fd``; the folders' names."""
    folders = []
    writable = False
    with os.scandir(fd) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
                continue
            try:
                os.unlink(entry.name, dir_fd=fd)
            except FileNotFoundError:
                continue  # another process was faster
            except PermissionError:
                if writable:
                    raise
                os.chmod(fd, 0o700)
                writable = True
                os.unlink(entry.name, dir_fd=fd)
    if folders and not writable and not os.access(".", os.W_OK | os.X_OK, dir_fd=fd):
        os.chmod(fd, 0o700)
    return folders
