"""Blobs that are on their way in: root/partial/HEX grows while a registry sends, and stays when that is cut.

Whoever writes one holds its lock (HEX.lock). When all of it was verified it becomes HEX.whole, which anybody may read
and which moves to the blobs with the layer's row. What nobody went on with is dropped after some days, and the oldest
as soon as all together are too much.
"""

from __future__ import annotations

import os
import time

from skerry.errors import OutOfSpace, Unavailable
from skerry.store.blobs import blob_path
from skerry.store.locks import Lock
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.store import Store

MAX_AGE_S = 7 * 24 * 3600
MAX_BYTES = 8 << 30
_YOUNG_S = 3600  # a whole one so young is about to be used by who verified it
WHOLE, _LOCK = ".whole", ".lock"


class Partial:
    """One blob, locked by this process. A context manager; `fd` is open for reading and writing."""

    __slots__ = ("_lock", "_path", "fd")

    def __init__(self, store: Store, digest: str) -> None:
        """Waits for another process that fetches the same blob."""
        self._path = _path(store, digest)
        try:
            os.makedirs(store.path("partial"), mode=0o700, exist_ok=True)
            self._lock = Lock(self._path + _LOCK)
        except OSError as error:
            raise _translated(error) from None
        try:
            self.fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            self._lock.release(remove=True)
            raise _translated(error) from None

    def __enter__(self) -> Partial:
        return self

    def __exit__(self, *_: object) -> None:
        if not os.fstat(self.fd).st_size:
            self._remove()
        os.close(self.fd)
        self._lock.release(remove=True)

    def forget(self) -> None:
        """What is there is wrong: start from nothing."""
        os.ftruncate(self.fd, 0)

    def discard(self) -> None:
        """It is not needed: the room is given back."""
        self._remove()
        os.ftruncate(self.fd, 0)

    def finish(self) -> str:
        """All of it was verified. The path under which others may read it, or it may be moved away."""
        step("partial.whole")
        os.rename(self._path, self._path + WHOLE)
        return self._path + WHOLE

    def _remove(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            pass  # it was finished


def whole_path(store: Store, digest: str) -> str:
    """Where the verified bytes of a blob are: a stored blob, or one that is about to be; empty when nowhere."""
    if os.path.exists(blob_path(store, digest)):
        return blob_path(store, digest)
    path = _path(store, digest) + WHOLE
    return path if os.path.exists(path) else ""


def discard_whole(store: Store, digest: str) -> None:
    """Verified bytes turned out to be wrong, or are not needed any more."""
    path = _path(store, digest)
    try:
        os.unlink(path + WHOLE)
    except FileNotFoundError:
        pass  # it moved to the blobs, or was swept
    # Who was killed between `finish` and the lock's release left it: nobody else comes back to this blob.
    if os.path.exists(path + _LOCK):
        _drop_lock(path + _LOCK)


def sweep(store: Store, *, max_bytes: int = MAX_BYTES, max_age_s: float = MAX_AGE_S) -> int:
    """Drop what is old and, from the oldest, what is too much, but nothing that is in use; how many bytes."""
    folder, now, freed = store.path("partial"), time.time(), 0
    found, locks = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(_LOCK):
                    locks.append(entry.name)
                else:
                    status = entry.stat(follow_symlinks=False)
                    found.append((status.st_mtime, status.st_blocks * 512, entry.name))
    except FileNotFoundError:
        return 0
    total = sum(size for _, size, _ in found)
    for modified, size, name in sorted(found):
        too_much = total > max_bytes and not (name.endswith(WHOLE) and now - modified < _YOUNG_S)
        if (too_much or now - modified > max_age_s) and _drop(folder, name):
            total -= size
            freed += size
    # A lock whose process died after its blob had moved on: whoever comes next finds the blob and takes no lock.
    for name in set(locks) - {name.removesuffix(WHOLE) + _LOCK for _, _, name in found}:
        _drop_lock(os.path.join(folder, name))
    return freed


def _drop(folder: str, name: str) -> bool:
    try:
        lock = Lock(os.path.join(folder, name.removesuffix(WHOLE) + _LOCK), blocking=False)
    except BlockingIOError:
        return False
    try:
        os.unlink(os.path.join(folder, name))
    except OSError:
        return False
    finally:
        lock.release(remove=True)
    return True


def _drop_lock(path: str) -> None:
    try:
        Lock(path, blocking=False).release(remove=True)
    except OSError:
        pass  # it is held: somebody begins with that blob


def _path(store: Store, digest: str) -> str:
    return store.path("partial", os.path.basename(blob_path(store, digest)))


def _translated(error: OSError) -> Exception:
    text = f"cannot keep a blob: {error.strerror}"
    return OutOfSpace(text) if error.errno in (28, 122) else Unavailable(text)
