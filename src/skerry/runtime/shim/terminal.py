"""A terminal between conmon and a shim: conmon wants the master of one, a shim reads and writes fifos.

conmon keeps the master of a pair that is made here; its other side is raw, so bytes pass as they are. It is this
process's controlling terminal, so that a resize of the master arrives as SIGWINCH.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import termios
import tty

from skerry.runtime.shim.feeder import Feeder

_CHUNK = 65536


class Terminal:
    """``feeder`` carries the input; ``stdout`` is the output's fifo for the shim, ``from_shim`` our end of it."""

    def __init__(self, folder: str, name: str, console_socket: str) -> None:
        master, self.slave = os.openpty()
        tty.setraw(self.slave)
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.feeder = Feeder(self.slave, f"{folder}/{name}-in")
        self.stdout = f"{folder}/{name}-out"
        os.mkfifo(self.stdout, 0o600)
        self.from_shim = os.open(self.stdout, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as sender:
            sender.connect(console_socket)
            sender.sendmsg([b"/dev/pts"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [master]))])
        os.close(master)

    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        return os.get_terminal_size(self.slave)

    def carry_output(self) -> bool:
        """From the program to conmon; False when nothing waits."""
        try:
            data = os.read(self.from_shim, _CHUNK)
        except BlockingIOError:
            return False
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.slave, view) :]
        except OSError:
            return False  # conmon was killed: what is written is lost, as it would be with a runtime
        return bool(data)
