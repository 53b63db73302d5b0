"""Standard input on its way to a shim. A shim keeps its fifo open for writing until it is told (CloseIO) that nothing
more comes, so the end of conmon's pipe would never reach the program: it is carried here, by a thread of its own, as
a program that does not read stops the writing.
"""

from __future__ import annotations

import _thread
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK = 65536


class Feeder:
    """Carries ``source`` to the fifo ``path``, which it makes; `closing` is called once, after the last byte."""

    def __init__(self, source: int, path: str) -> None:
        self.path = path
        self._source = source
        os.mkfifo(path, 0o600)
        # Both ends: opening never waits for the shim, and writing never meets a fifo without a reader.
        self._fifo = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def start(self, closing: Callable[[], None] | None) -> None:
        """Begin. Threads do not outlive a fork: call it in the process that stays."""
        _thread.start_new_thread(self._carry, (closing,))

    def _carry(self, closing: Callable[[], None] | None) -> None:
        try:
            while data := os.read(self._source, _CHUNK):
                view = memoryview(data)
                while view:
                    view = view[os.write(self._fifo, view) :]
        except OSError:
            pass  # conmon hung up (EIO of a terminal)
        if closing is not None:
            closing()
        os.close(self._fifo)

    def remove(self) -> None:
        """The shim has opened it, or the program is over. Idempotent."""
        try:
            os.unlink(self.path)
        except FileNotFoundError:
            pass  # removed before
