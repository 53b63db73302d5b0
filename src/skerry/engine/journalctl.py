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


def entries(*arguments: str, until_ns: int = 0) -> Iterator[dict[str, Any]]:
    """What ``journalctl`` prints with these matches and options, entry by entry. `Unavailable` without the program.

    Leave it early and the program ends. ``until_ns``: no longer than until this moment, also when it follows."""
    read, write = os.pipe()
    try:
        pid = spawn(["journalctl", "--quiet", "--no-pager", "-o", "json", *arguments], stdout=write)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    try:
        for line in _lines(read, until_ns):
            try:
                yield fastjson.loads(line)
            except Invalid:
                continue  # cut off
    finally:
        os.close(read)
        try:
            os.kill(pid, 15)
        except ProcessLookupError:
            pass  # it has ended by itself
        os.waitpid(pid, 0)


def _lines(fd: int, until_ns: int) -> Iterator[bytes]:
    rest = b""
    while not until_ns or _comes(fd, until_ns):
        block = os.read(fd, 1 << 16)
        if not block:
            return
        *lines, rest = (rest + block).split(b"\n")
        yield from lines


def _comes(fd: int, until_ns: int) -> bool:
    """Wait for something to read; False when the time is over."""
    while True:
        left_s = (until_ns - time.time_ns()) / 1e9
        if left_s <= 0:
            return False
        if select.select([fd], [], [], min(left_s, _LOOK_AGAIN_S))[0]:
            return True
