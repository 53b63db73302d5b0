"""The process that conmon takes for the container's: it asks the shim for the program's end, and ends the same way.

It also empties the shim's log, carries a terminal's bytes, and has the container killed when the shim is killed.
"""

from __future__ import annotations

import os
import select
import signal

from skerry.errors import SkerryError
from skerry.runtime.shim import ttrpc
from skerry.runtime.shim.feeder import Feeder
from skerry.runtime.shim.task import Stdio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.shim.place import Place
    from skerry.runtime.shim.task import Task
    from skerry.runtime.shim.terminal import Terminal

_KILLED = 137


def open_log(bundle: str) -> int:
    """The fifo on which a shim logs. Opened on both ends, so that nobody waits for the other."""
    path = f"{bundle}/log"
    try:
        os.mkfifo(path, 0o600)
    except FileExistsError:
        pass  # of a start that was killed
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


class Streams:
    """A program's: a ``terminal``, or the pipes that we were given; ``stdio`` is what the shim is to open."""

    __slots__ = ("feeder", "stdio", "terminal")

    def __init__(self, folder: str, name: str, console_socket: str) -> None:
        self.terminal: Terminal | None = None
        self.feeder: Feeder | None = None
        if console_socket:
            from skerry.runtime.shim.terminal import Terminal

            self.terminal = Terminal(folder, name, console_socket)
            self.feeder = self.terminal.feeder
            self.stdio = Stdio(self.feeder.path, self.terminal.stdout, "", terminal=True)
            return
        if not os.path.samestat(os.fstat(0), os.stat(os.devnull)):
            self.feeder = Feeder(os.dup(0), f"{folder}/{name}-in")
        here = f"/proc/{os.getpid()}/fd"
        self.stdio = Stdio(self.feeder.path if self.feeder else "", f"{here}/1", f"{here}/2")

    def remove(self) -> None:
        """Remove the fifos' names. Idempotent."""
        if self.feeder is not None:
            self.feeder.remove()
        if self.terminal is not None:
            try:
                os.unlink(self.terminal.stdout)
            except FileNotFoundError:
                pass  # removed before


class Watch:
    """Waits for one program's end."""

    def __init__(self, place: Place, task: Task, streams: Streams, log: int = -1) -> None:
        self.place = place
        self.task = task
        self.terminal = streams.terminal
        self.log = log
        self._feeder = streams.feeder

    def run(self) -> int:
        """The exit code, once the program has ended. ``begin_wait`` was called, the shim has opened the streams."""
        if self._feeder is not None:
            self._feeder.remove()
            self._feeder.start(None if self.terminal is not None else self._close_stdin)
        poll = select.poll()
        poll.register(self.task.connection, select.POLLIN)
        readers = {}
        if self.log >= 0:
            readers[self.log] = self._drop_log
        if self.terminal is not None:
            readers[self.terminal.from_shim] = self.terminal.carry_output
            self._follow_size()
        for fd in readers:
            poll.register(fd, select.POLLIN)
        while True:
            ready = [fd for fd, _ in poll.poll()]
            for fd in ready:
                if fd in readers:
                    readers[fd]()
            if self.task.connection.fileno() in ready:
                return self._end()

    def _end(self) -> int:
        try:
            code = self.task.end_wait()
        except ttrpc.Closed:
            self._clean_up()
            return _KILLED
        except SkerryError:
            return _KILLED
        if self.terminal is not None:
            # The shim copies to the fifo; what it has read before the end may still be on its way.
            poll = select.poll()
            poll.register(self.terminal.from_shim, select.POLLIN)
            while poll.poll(50) and self.terminal.carry_output():
                pass
        return code & 0xFF

    def _clean_up(self) -> None:
        """The shim was killed: nobody watches the container any more, so it is ended."""
        if self.task.exec_id:
            return  # the container's own stand-in does it
        try:
            self.place.delete_by_shim(self.place.read()["bundle"])
        except (SkerryError, OSError):
            pass  # the container is removed already, or the next command's delete will tell

    def _close_stdin(self) -> None:
        try:
            task = self.place.task(self.task.exec_id, timeout_s=30)
            task.close_stdin()
            task.connection.close()
        except (SkerryError, OSError):
            pass  # it has ended meanwhile

    def _drop_log(self) -> bool:
        try:
            return bool(os.read(self.log, 65536))
        except OSError:
            return False

    def _follow_size(self) -> None:
        def resize(_number: int = 0, _frame: object = None) -> None:
            try:
                task = self.place.task(self.task.exec_id, timeout_s=5)
                task.resize(*self.terminal.size())  # type: ignore[union-attr]
                task.connection.close()
            except (SkerryError, OSError):
                pass  # it has just ended

        signal.signal(signal.SIGWINCH, resize)
        resize()


def let_go() -> None:
    """Give up the streams that the shim has opened by now: their ends must not be held here."""
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.close(null)
