"""How many bytes a tree's files have. Containers' and volumes' trees are written by strangers: any depth is walked
with one descriptor open, no link is followed, and what changes meanwhile is counted as it was met."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    Seen = set[tuple[int, int]]

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def tree_size(path: str) -> int:
    """Apparent bytes of the files below ``path``, a file with several names once; 0 where there is nothing."""
    try:
        fd = os.open(path, _FLAGS)
    except OSError:
        return 0
    total, seen = 0, set[tuple[int, int]]()
    try:
        size, names = _count(fd, seen)
        total += size
        # For each level: which folder it is, and its folders that are still to be looked into.
        stack = [(_identity(fd), names)]
        while stack:
            names = stack[-1][1]
            if names:
                child = _open(names.pop(), fd)
                if child >= 0:
                    os.close(fd)
                    fd = child
                    size, below = _count(fd, seen)
                    total += size
                    stack.append((_identity(fd), below))
                continue
            stack.pop()
            if stack:
                parent = os.open("..", _FLAGS, dir_fd=fd)
                os.close(fd)
                fd = parent
                if _identity(fd) != stack[-1][0]:
                    break  # somebody moved the folder that we were in: this is as exact as it gets
    except OSError:
        pass  # the way up is gone as well
    finally:
        os.close(fd)
    return total


def _identity(fd: int) -> tuple[int, int]:
    status = os.fstat(fd)
    return status.st_dev, status.st_ino


def _open(name: str, parent: int) -> int:
    try:
        return os.open(name, _FLAGS, dir_fd=parent)
    except OSError:
        return -1  # removed, replaced, or not ours to read


def _count(fd: int, seen: Seen) -> tuple[int, list[str]]:
    """Bytes of a folder's files, and the names of its folders."""
    total, folders = 0, []
    with os.scandir(fd) as entries:
        for entry in entries:
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                    continue
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            if status.st_nlink > 1:
                if (status.st_dev, status.st_ino) in seen:
                    continue
                seen.add((status.st_dev, status.st_ino))
            total += status.st_size
    return total, folders
