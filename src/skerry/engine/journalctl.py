"""Reading journald, by its own program."""

from __future__ import annotations

import os
import select
import time

from skerry import fastjson
from skerry.errors import Invalid
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


_LOOK_AGAIN_S = 2.0  # the clock may be set while we wait


class Journalctl:
    """``journalctl`` at work with these matches and options. `Unavailable` without the program. Close it."""

    __slots__ = ("_pid", "_rest", "fd")

    def __init__(self, *arguments: str) -> None:
        read, write = os.pipe()
        try:
            # --all: without it a field of 4 KB or more is null.
            self._pid = spawn(["journalctl", "--quiet", "--no-pager", "--all", "-o", "json", *arguments], stdout=write)
        except BaseException:
            os.close(read)
            raise
        finally:
            os.close(write)
        self.fd = read
        """Readable when there is more; -1 after the program's last entry."""
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """The next entries; waits for them. None come when the program has ended (``fd`` is -1) or is in mid-entry."""
        block = os.read(self.fd, 1 << 16) if self.fd >= 0 else b""
        if not block:
            self.close()
            return []
        *lines, self._rest = (self._rest + block).split(b"\n")
        return [entry for line in lines for entry in _parsed(line)]

    def comes(self, until_ns: int) -> bool:
        """Wait for something to read; False when the time is over."""
        while self.fd >= 0:
            left_s = (until_ns - time.time_ns()) / 1e9
            if select.select([self.fd], [], [], max(0.0, min(left_s, _LOOK_AGAIN_S)))[0]:
                return True
            if left_s <= 0:
                break
        return False

    def close(self) -> None:
        """End the program. Idempotent."""
        if self.fd < 0:
            return
        os.close(self.fd)
        self.fd = -1
        try:
            os.kill(self._pid, 15)
        except ProcessLookupError:
            pass  # it has ended by itself
        os.waitpid(self._pid, 0)


def entries(*arguments: str, until_ns: int = 0) -> Iterator[dict[str, Any]]:
    """What ``journalctl`` prints with these matches and options, entry by entry. `Unavailable` without the program.

    Leave it early and the program ends. ``until_ns``: no longer than until this moment, also when it follows."""
    program = Journalctl(*arguments)
    try:
        while program.fd >= 0 and (not until_ns or program.comes(until_ns)):
            yield from program.read()
    finally:
        program.close()


def _parsed(line: bytes) -> Iterator[dict[str, Any]]:
    try:
        yield fastjson.loads(line)
    except Invalid:
        return  # cut off
