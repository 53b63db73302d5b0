"""Terminals: their size, raw mode that is always undone, and what SIGWINCH tells.

Signals go through ``_signal``: the ``signal`` module costs 3 ms for its enums.
"""

from __future__ import annotations

import _signal
import os
import termios

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

# What ends a process that does not catch it, and comes from outside while the keyboard's own signals are off.
_DEADLY = (
    _signal.SIGHUP,
    _signal.SIGINT,
    _signal.SIGQUIT,
    _signal.SIGTERM,
    _signal.SIGALRM,
    _signal.SIGUSR1,
    _signal.SIGUSR2,
)


def window_size(*fds: int | None) -> tuple[int, int] | None:
    """(rows, columns) of the first of ``fds`` that is a terminal; None when none is, or it has no size."""
    for fd in fds:
        if fd is None:
            continue
        try:
            columns, rows = os.get_terminal_size(fd)
        except OSError:
            continue  # not a terminal
        return (rows, columns) if rows and columns else None
    return None


def is_terminal(fd: int | None) -> bool:
    """Whether ``fd`` is an open terminal."""
    return fd is not None and fd >= 0 and os.isatty(fd)


def _raw(attributes: list[Any]) -> list[Any]:
    """cfmakeraw(3): every byte goes through as it is, both ways."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, characters = attributes
    iflag &= ~(
        termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
        | termios.ICRNL | termios.IXON
    )  # fmt: skip
    oflag &= ~termios.OPOST
    cflag = (cflag & ~(termios.CSIZE | termios.PARENB)) | termios.CS8
    lflag &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [iflag, oflag, cflag, lflag, ispeed, ospeed, characters]


def _give_back(fd: int, modes: list[Any]) -> None:
    try:
        termios.tcsetattr(fd, termios.TCSANOW, modes)
    except termios.error:
        pass  # hung up: nobody looks at it any more


class KeptTerminal:
    """The modes of the terminal ``fd`` as they are now, given back by `restore` after another program had it."""

    __slots__ = ("_fd", "_saved")

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._saved = termios.tcgetattr(fd) if is_terminal(fd) else None

    def restore(self) -> None:
        """Idempotent."""
        if self._saved is None:
            return
        _give_back(self._fd, self._saved)
        self._saved = None


class RawTerminal:
    """Raw mode on ``fd`` for as long as the context lasts; nothing when it is not a terminal.

    Signals that would end this process are caught (only where nobody else handles or ignores them): the terminal
    is restored first, then the signal takes its course. Only SIGKILL leaves a raw terminal behind.
    """

    __slots__ = ("_caught", "_fd", "_saved")

    def __init__(self, fd: int | None) -> None:
        self._fd = fd
        self._saved: list[Any] | None = None
        self._caught: list[int] = []

    def __enter__(self) -> RawTerminal:
        if self._fd is None or not is_terminal(self._fd):
            return self
        try:
            self._saved = termios.tcgetattr(self._fd)
            self._catch()
            termios.tcsetattr(self._fd, termios.TCSANOW, _raw(self._saved))
        except termios.error:
            self._saved = None  # it has just been hung up
        return self

    def _catch(self) -> None:
        for number in _DEADLY:
            try:
                # SIGINT has Python's KeyboardInterrupt handler; that leaves through __exit__.
                if _signal.getsignal(number) == _signal.SIG_DFL:
                    _signal.signal(number, self._die)
                    self._caught.append(number)
            except ValueError:
                return  # not in the main thread: signals are somebody else's

    def _die(self, number: int, _frame: object) -> None:
        self.restore()
        _signal.signal(number, _signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def restore(self) -> None:
        """Give the terminal its old mode back. Idempotent."""
        if self._saved is None or self._fd is None:
            return
        _give_back(self._fd, self._saved)
        self._saved = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.restore()
        for number in self._caught:
            _signal.signal(number, _signal.SIG_DFL)
        self._caught = []


_A_JOBS = (_signal.SIGINT, _signal.SIGQUIT)


class OnSignals:
    """``handler(number)`` is called in the main thread when one of ``signals`` comes, while the context lasts.

    What ``nohup`` ignored stays ignored. SIGINT and SIGQUIT do not: a script's shell starts its background jobs so,
    and whoever sends one to such a job means it. Outside of the main thread the context does nothing.
    """

    __slots__ = ("_handler", "_previous", "_signals")

    def __init__(self, signals: tuple[int, ...], handler: Callable[[int], None]) -> None:
        self._signals = signals
        self._handler = handler
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> OnSignals:
        for number in self._signals:
            try:
                previous = _signal.getsignal(number)
                if previous is None or (previous == _signal.SIG_IGN and number not in _A_JOBS):
                    continue
                _signal.signal(number, self._called)
            except ValueError:
                break
            self._previous[number] = previous
        return self

    def _called(self, number: int, _frame: object) -> None:
        self._handler(number)

    def release(self, number: int) -> None:
        """Let ``number`` do again what it did before."""
        previous = self._previous.pop(number, None)
        if previous is not None:
            _signal.signal(number, previous)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in list(self._previous):
            self.release(number)
