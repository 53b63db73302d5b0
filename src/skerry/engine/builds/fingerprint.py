"""What COPY's files are, as one digest: the cache is keyed by content, never by time.

The digests of files are remembered by what the kernel says of them (inode, size, times): ctime cannot be set back, so a
file that is unchanged since before the note was made needs no reading. The note is only a shortcut, not the key.
"""

from __future__ import annotations

import marshal
import os
import stat
import time
from hashlib import sha256

from skerry.engine.builds.select import read_xattrs, xattrs_of
from skerry.engine.builds.worker import Worker
from skerry.linux.content import extents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from hashlib import _Hash as Hash

    from skerry.engine.builds.select import Item, Tree
    from skerry.engine.engine import Engine

    # path → (inode, size, mtime, ctime, digest, extended attributes): a change of any of them changes ctime
    Known = dict[str, tuple[int, int, int, int, bytes, dict[str, bytes]]]

_VERSION = 2
_RACY_NS = 2 * 10**9  # a file may change twice within one tick of its clock
_MAX_NOTES = 64
_LARGE = 1 << 16  # reading it takes longer than two threads take from each other (measured: .22 → .13 s)
_ZEROS = bytes(1 << 20)
_BUFFER = 1 << 18  # stays in the processor's cache


class Digests:
    """The digests and attributes of a tree's files. `learn`, then `of`; `save` at the end."""

    def __init__(self, engine: Engine, tree: Tree) -> None:
        self._tree = tree
        self._check_cancelled = engine.builds.check_cancelled
        self._folder = engine.store.path("builds", "digests")
        status = os.fstat(tree.fd)
        name = sha256(f"{tree.folder}\0{status.st_dev}\0{status.st_ino}".encode("utf-8", "surrogateescape"))
        self._path = f"{self._folder}/{name.hexdigest()[:32]}"
        self._known = _read(self._path)
        self._now_ns = time.time_ns()
        self._changed = False
        self._found: dict[str, bytes] = {}

    def learn(self, items: Iterable[Item]) -> None:
        """Read the regular files that are not known, each once; the large ones in a thread of their own."""
        small: list[Item] = []
        large: list[Item] = []
        for item in items:
            status = item.status
            if not stat.S_ISREG(status.st_mode):
                continue
            known = self._known.get(item.path)
            if known is None or known[:4] != _mark(status):
                (large if status.st_size >= _LARGE else small).append(item)
            else:
                self._found[item.path], item.xattrs = known[4:]
        if small and large:
            with Worker(lambda: self._read_all(large)):
                self._read_all(small)
        else:
            self._read_all(small or large)

    def _read_all(self, items: list[Item]) -> None:
        buffer = memoryview(bytearray(_BUFFER)) if items else memoryview(b"")
        for item in items:
            self._read(item, buffer)

    def _read(self, item: Item, buffer: memoryview) -> None:
        hasher = sha256()
        fd = self._tree.open(item)
        try:
            self._hash(hasher, fd, item.status, buffer)
            if item.xattrs is None:
                item.xattrs = read_xattrs(fd)
            after = os.fstat(fd)
        finally:
            os.close(fd)
        self._found[item.path] = digest = hasher.digest()
        # Only what has been as it is for a while is worth a note.
        if after.st_ctime_ns == item.status.st_ctime_ns < self._now_ns - _RACY_NS:
            self._known[item.path] = (*_mark(item.status), digest, item.xattrs)
            self._changed = True

    def _hash(self, hasher: Hash, fd: int, status: os.stat_result, buffer: memoryview) -> None:
        sparse = status.st_blocks * 512 < status.st_size
        for length, data in extents(fd, status.st_size) if sparse else ():
            left = length
            while left and (count := os.readv(fd, [buffer[:left]]) if data else min(left, len(_ZEROS))):
                hasher.update(buffer[:count] if data else _ZEROS[:count])
                left -= count
                self._check_cancelled()
        while count := os.readv(fd, [buffer]):
            hasher.update(buffer[:count])
            if count == _BUFFER:
                self._check_cancelled()

    def of(self, item: Item) -> bytes:
        """SHA-256 of a regular file's content, which was learnt."""
        return self._found[item.path]

    def save(self) -> None:
        """Keep what was learnt. A failure costs only time at the next build."""
        if not self._changed:
            return
        try:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            beside = f"{self._path}.{os.getpid()}"
            with open(beside, "wb") as file:
                file.write(marshal.dumps((_VERSION, self._known)))
            os.rename(beside, self._path)
            self._bound()
        except OSError:
            return

    def _bound(self) -> None:
        with os.scandir(self._folder) as entries:
            notes = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
        for _, path in notes[:-_MAX_NOTES]:
            os.unlink(path)


def _read(path: str) -> Known:
    try:
        with open(path, "rb") as file:
            found = marshal.loads(file.read())
    except (OSError, ValueError, EOFError, TypeError):
        return {}
    if not isinstance(found, tuple) or found[:1] != (_VERSION,) or not isinstance(found[1], dict):
        return {}
    known: Known = found[1]
    return known


def _mark(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def describe(tree: Tree, item: Item, digests: Digests, uid: int, gid: int, mode: int) -> list[object]:
    """What of a file counts for the key: name, kind, owner, mode, content. (Its time does not.)"""
    status = item.status
    kind = stat.S_IFMT(status.st_mode)
    attributes = [[name, value.hex()] for name, value in xattrs_of(tree, item).items()]
    head: list[object] = [item.name, kind, mode, uid, gid, attributes]
    if stat.S_ISREG(status.st_mode):
        return [*head, status.st_size, digests.of(item).hex()]
    if stat.S_ISLNK(status.st_mode):
        return [*head, item.link]
    if kind in (stat.S_IFCHR, stat.S_IFBLK):
        return [*head, status.st_rdev]
    return head
