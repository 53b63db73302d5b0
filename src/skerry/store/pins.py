"""Layers that a running process is about to build on: nobody removes them meanwhile.

A container's layers are held by its image's row; a build that runs has no row yet, so it writes the chain ids that it
relies on, one a line, into a file that it holds locked: root/pins/RANDOM. The file of a process that died is unlocked,
and swept by who looks next.
"""

from __future__ import annotations

import os
import threading

from skerry.errors import OutOfSpace, Unavailable
from skerry.store.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from skerry.store.store import Store


class _Pins:
    """The file of this process for one store."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self.path = f"{folder}/{os.urandom(8).hex()}"
        self._lock = Lock(self.path)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self._known: set[str] = set()

    def add(self, chain_ids: Iterable[str]) -> None:
        new = [chain_id for chain_id in chain_ids if chain_id not in self._known]
        if new:
            os.write(self._fd, "".join(f"{chain_id}\n" for chain_id in new).encode())
            self._known.update(new)

    def close(self) -> None:
        os.close(self._fd)
        self._lock.release(remove=True)


_open: dict[str, _Pins] = {}
_guard = threading.Lock()


def pin(store: Store, chain_ids: Iterable[str]) -> None:
    """Hold layers until `unpin`, or this process's end. Look afterwards whether they are still there."""
    folder = store.path("pins")
    try:
        with _guard:
            pins = _open.get(folder)
            if pins is None:
                pins = _open[folder] = _Pins(folder)
            pins.add(chain_ids)
    except OSError as error:
        kind = OutOfSpace if error.errno in (28, 122) else Unavailable
        raise kind(f"cannot write to {folder}: {os.strerror(error.errno or 0)}") from error


def unpin(store: Store) -> None:
    """Let all go that this process holds. Idempotent."""
    with _guard:
        pins = _open.pop(store.path("pins"), None)
    if pins is not None:
        pins.close()


def pinned(store: Store) -> set[str]:
    """The layers that processes hold, this one too."""
    folder = store.path("pins")
    try:
        names = os.listdir(folder)
    except OSError:
        return set()
    found: set[str] = set()
    for name in names:
        path = f"{folder}/{name}"
        try:
            Lock(path, blocking=False).release(remove=True)
            continue  # its process died
        except BlockingIOError:
            pass  # it lives
        try:
            with open(path, encoding="ascii") as file:
                found.update(file.read().split())
        except FileNotFoundError:
            continue  # it has just ended
    return found
