"""Reading journald, by its own program."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid
from skerry.linux.spawn import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def entries(*arguments: str) -> Iterator[dict[str, Any]]:
    """What ``journalctl`` prints with these matches and options, entry by entry. `Unavailable` without the program.

    Leave it early and the program ends."""
    read, write = os.pipe()
    try:
        pid = spawn(["journalctl", "--quiet", "--no-pager", "-o", "json", *arguments], stdout=write)
    except BaseException:
        os.close(read)
        raise
    finally:
        os.close(write)
    try:
        with open(read, "rb") as file:
            for line in file:
                try:
                    yield fastjson.loads(line)
                except Invalid:
                    continue  # cut off
    finally:
        try:
            os.kill(pid, 15)
        except ProcessLookupError:
            pass  # it has ended by itself
        os.waitpid(pid, 0)
