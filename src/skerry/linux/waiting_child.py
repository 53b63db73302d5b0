"""A child that enters what its parent must look at from outside (a new namespace), and waits there meanwhile."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class WaitingChild:
    """``with WaitingChild(enter) as pid``: ``enter`` was called in that child, which ends with the block, or with us.

    Raises the ``OSError`` that ``enter`` did; ``about`` is the file that it is about, or says what failed."""

    __slots__ = ("_end", "_pid")

    def __init__(self, enter: Callable[[], object], about: str = "") -> None:
        from_child, to_parent = os.pipe()
        from_parent, self._end = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(self._end)
                enter()
                os.write(to_parent, b"0")
                os.read(from_parent, 1)  # until the parent has looked, or is gone
            except OSError as error:
                os.write(to_parent, str(error.errno).encode())
            finally:
                os._exit(0)
        os.close(to_parent)
        os.close(from_parent)
        try:
            number = int(os.read(from_child, 16) or errno.ECHILD)
        finally:
            os.close(from_child)
        if number:
            self._let_go()
            raise OSError(number, os.strerror(number), about)

    def __enter__(self) -> int:
        return self._pid

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._let_go()

    def _let_go(self) -> None:
        os.close(self._end)
        os.waitpid(self._pid, 0)
