"""What the supervisor did: a short text file beside its lock."""

from __future__ import annotations

import os
import time

from skerry.engine.events import timestamp

_LIMIT = 256 << 10


class Log:
    """Appends lines; the file before the last quarter of a megabyte is thrown away. Never fails."""

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def line(self, text: str) -> None:
        """One line with the time and our pid."""
        data = f"{timestamp(time.time_ns())} {os.getpid()} {' '.join(text.split())}\n".encode("utf-8", "replace")
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(fd, data)
                full = os.fstat(fd).st_size > _LIMIT
            finally:
                os.close(fd)
            if full:
                os.rename(self._path, self._path + ".1")
        except OSError:
            pass  # a full disk must not stop health checks


def tail(path: str, count: int) -> list[str]:
    """The last lines."""
    lines: list[str] = []
    for each in (path + ".1", path):
        try:
            with open(each, encoding="utf-8", errors="replace") as file:
                lines += file.read().splitlines()
        except FileNotFoundError:
            continue
    return lines[-count:] if count else lines
