"""The file backend: one JSON line per event, as Podman's, of bounded size.

Every writer holds a shared flock on the file it writes to; who rotates holds it exclusively, so that nothing is
written to a file that has been replaced: a writer that finds it replaced opens the new one.
"""

from __future__ import annotations

import fcntl
import os
import time

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings

ROTATED = b'"Status":"log-rotation"'
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def append(settings: Settings, event: dict[str, Any]) -> None:
    """Write one event by one write(2), in a file that has room for it. ``OSError`` when that fails."""
    path = settings.events_path
    line = fastjson.dumps(event).encode("utf-8", "backslashreplace") + b"\n"
    fd = _open_current(path, fcntl.LOCK_SH)
    try:
        end = os.fstat(fd).st_size
        limit = _limit(settings)
        if end and 0 < limit < end + len(line):
            os.close(fd)
            fd = -1
            _rotate(path, limit - len(line))
            fd = _open_current(path, fcntl.LOCK_SH)
            end = os.fstat(fd).st_size
        if end and os.pread(fd, 1, end - 1) != b"\n":
            line = b"\n" + line  # a full disk cut off the one before
        os.write(fd, line)
    finally:
        if fd >= 0:
            os.close(fd)


def _open_current(path: str, lock: int) -> int:
    """The file that ``path`` names now, locked."""
    while True:
        try:
            fd = os.open(path, _FLAGS, 0o600)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            continue
        try:
            fcntl.flock(fd, lock)
            named, held = os.stat(path), os.fstat(fd)
            if (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino):
                return fd
        except FileNotFoundError:
            pass  # removed while we waited for the lock
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)


def _limit(settings: Settings) -> int:
    text = str(settings.conf["engine"]["events_logfile_max_size"]).lower().removesuffix("b").removesuffix("i")
    unit = _UNITS.get(text[-1:], 1)
    digits = text[:-1] if unit > 1 else text
    return int(digits) * unit if digits.isdigit() else 1 << 20


def _rotate(path: str, limit: int) -> None:
    """Keep the younger half, between lines that say so (a follower goes on with the last one)."""
    fd = _open_current(path, fcntl.LOCK_EX)
    try:
        size = os.fstat(fd).st_size
        if size <= limit:
            return  # somebody else was faster
        kept = os.pread(fd, size - size // 2, size // 2)
        kept = _mark(path, "begin") + kept[kept.find(b"\n") + 1 :] + _mark(path, "end")
        beside = f"{path}.{os.getpid()}"
        new = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(new, kept)
        finally:
            os.close(new)
        os.rename(beside, path)
    finally:
        os.close(fd)


def _mark(path: str, which: str) -> bytes:
    from skerry.engine.events import timestamp

    name = fastjson.dumps(path)[1:-1].encode("utf-8", "backslashreplace")
    return b'{"Name":"%s",%s,"Time":"%s","Type":"system","Attributes":{"io.podman.event.rotate":"%s"}}\n' % (
        name, ROTATED, timestamp(time.time_ns()).encode(), which.encode(),
    )  # fmt: skip
