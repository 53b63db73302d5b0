"""How much an archive may write: a limit, and what the disk has left, looked at now and then."""

from __future__ import annotations

import os

from skerry.errors import Invalid, OutOfSpace

_LOOK_BYTES = 64 << 20
_LOOK_ENTRIES = 8192
# Never the last byte: the state database, logs and running containers share the disk.
_SPARE_BYTES, _SPARE_INODES = 64 << 20, 1024


class Budget:
    """``limit`` bytes of uncompressed archive at most (0: none)."""

    def __init__(self, path: str, limit: int = 0) -> None:
        self._path = path
        self._limit = limit
        self._spent = 0
        self._bytes_left = self._entries_left = 0

    def entry(self, size: int) -> None:
        """Before an entry with ``size`` bytes of data is written. Raises before the disk is full."""
        self._spent += size + 512
        self._bytes_left -= size + 512
        self._entries_left -= 1
        if self._bytes_left < 0 or self._entries_left < 0:
            self._look(size)
        if self._limit and self._spent > self._limit:
            raise Invalid(f"the layer has more than {self._limit} bytes", hint="raise the limit if you trust it")

    def _look(self, size: int) -> None:
        status = os.statvfs(self._path)
        free = status.f_bavail * status.f_frsize
        spare = min(_SPARE_BYTES, status.f_blocks * status.f_frsize // 100)
        if free - spare < size:
            raise OutOfSpace(f"the layer does not fit: {free >> 20} MiB are free on {self._path}")
        if status.f_files and status.f_favail < min(_SPARE_INODES, status.f_files // 100):
            raise OutOfSpace(f"the layer has too many files: {status.f_favail} inodes are free on {self._path}")
        self._bytes_left = min(_LOOK_BYTES, free - spare - size)
        self._entries_left = _LOOK_ENTRIES
