"""What meddling added to a layer's tree: the tar that is made of it by its recipe does not tell, for it reads only what
the recipe knows of."""

from __future__ import annotations

import errno
import os
import stat

from skerry.store.archive.recipe import ends_of_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def added(folder: str) -> str:
    """A regular file with data in the layer ``folder`` that its recipe does not have, or not so long; empty: there is
    none. `Corrupt` for a damaged recipe. Folders, links and empty files are not looked at."""
    known = ends_of_files(f"{folder}/recipe.zst")
    tree = os.fsencode(f"{folder}/diff")
    inodes: dict[int, int] = {}  # of a file with several names the recipe has one
    strangers: list[tuple[bytes, int]] = []
    for path, status in _files(tree):
        end = known.get(os.path.relpath(path, tree))
        if end is None:
            strangers.append((path, status.st_ino))
            continue
        inodes[status.st_ino] = end
        if status.st_size > end and _has_data(path, end):
            return os.fsdecode(path)
    return next((os.fsdecode(path) for path, inode in strangers if inode not in inodes), "")


def _files(tree: bytes) -> Iterator[tuple[bytes, os.stat_result]]:
    for top, _, names in os.walk(tree):
        for name in names:
            path = os.path.join(top, name)
            status = os.lstat(path)
            if stat.S_ISREG(status.st_mode) and status.st_size:
                yield path, status


def _has_data(path: bytes, start: int) -> bool:
    """Whether a file has more than a hole from ``start`` on."""
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return os.lseek(fd, start, os.SEEK_DATA) >= start
    except OSError as error:
        if error.errno == errno.ENXIO:
            return False
        raise
    finally:
        os.close(fd)
