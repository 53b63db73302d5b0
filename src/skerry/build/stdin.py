"""Standard input as a context or a Containerfile, given up when the build is: nobody may ever close the other end."""

from __future__ import annotations

import io
import os
import select

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from _typeshed import WriteableBuffer


class _Stdin(io.RawIOBase):
    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            while not select.select([0], [], [], 0.2)[0]:
                if self._cancelled():
                    from skerry.engine.builds.errors import Interrupted

                    raise Interrupted("interrupted")
            return os.readv(0, [view])
        except OSError as error:
            raise Unavailable(f"reading standard input: {os.strerror(error.errno or 0)}") from None


def open_stdin(cancelled: Callable[[], bool]) -> BinaryIO:
    """Descriptor 0 as a stream. `Interrupted` once ``cancelled`` says so."""
    return io.BufferedReader(_Stdin(cancelled), 1 << 20)
