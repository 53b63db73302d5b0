"""A person at a terminal: a program on a pseudo-terminal, what it shows, what is typed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Sequence
from types import TracebackType


class Terminal:
    """``argv`` on a terminal of its own. A context manager: what still runs at the end is killed."""

    def __init__(self, argv: Sequence[str], rows: int = 24, columns: int = 80) -> None:
        self.shown = b""
        self._master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.setsid()
                fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                for fd in (0, 1, 2):
                    os.dup2(slave, fd)
                os.closerange(3, 100)
                os.execv(argv[0], list(argv))
            finally:
                os._exit(99)
        self._ended: int | None = None

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, data: bytes) -> None:
        os.write(self._master, data)

    def expect(self, text: bytes, seconds: float = 20) -> None:
        """Wait until ``text`` is shown; what was shown up to it is forgotten."""
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown, but {self.shown!r}"
            if select.select([self._master], [], [], 0.1)[0]:
                self.shown += os.read(self._master, 65536)
        self.shown = self.shown[self.shown.index(text) + len(text) :]

    def is_raw(self) -> bool:
        return not termios.tcgetattr(self._slave)[3] & termios.ICANON

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._slave)[:4] == self.before[:4]

    def wait(self, seconds: float = 20) -> int:
        """The exit code; what is shown meanwhile is kept."""
        deadline = time.monotonic() + seconds
        while True:
            if select.select([self._master], [], [], 0.02)[0]:
                self.shown += os.read(self._master, 65536)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._ended = os.waitstatus_to_exitcode(status)
                return self._ended
            assert time.monotonic() < deadline, f"it did not end; shown: {self.shown!r}"

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ended is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self._master)
        os.close(self._slave)
