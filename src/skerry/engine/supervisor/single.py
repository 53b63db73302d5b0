"""One supervisor at a time, and one that waits for its death.

The lock is flock(2) on a file. Beside the supervisor a ``flock`` program (0.1 MB) waits for the same lock: when the
supervisor is killed the kernel gives the lock to it at once, and it becomes the new supervisor by exec. So both have to
be killed in the same moment before a container is unwatched, and then the next command starts it again.
"""

from __future__ import annotations

import fcntl
import os

from skerry.errors import Unavailable
from skerry.linux.spawn import spawn


def take(path: str) -> int:
    """The held lock's descriptor, inherited from ``flock`` or taken now; -1 when another has it."""
    fd = _inherited(path)
    if fd < 0:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.set_inheritable(fd, False)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return -1
    # flock(1) opened it for reading only.
    note = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
    os.write(note, str(os.getpid()).encode())
    os.close(note)
    return fd


def _inherited(path: str) -> int:
    """What ``flock --no-fork`` leaves open: a lock that is held belongs to that descriptor alone."""
    try:
        wanted = os.stat(path)
    except FileNotFoundError:
        return -1
    for name in os.listdir("/proc/self/fd"):
        try:
            found = os.fstat(int(name))
        except OSError:
            continue  # the listing's own
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return int(name)
    return -1


def holder(path: str) -> int:
    """The pid that the supervisor wrote into its lock; 0 without."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read() or 0)
    except (OSError, ValueError):
        return 0


class Heir:
    """The process that waits for our death."""

    __slots__ = ("_command", "_path", "ended", "pid")

    def __init__(self, path: str, command: list[str]) -> None:
        self._path = path
        self._command = command
        self.pid = 0
        self.ended = -1  # readable when the heir has died

    def start(self) -> bool:
        """Have one; False where there is no flock(1): then the next command notices our death, not the kernel."""
        argv = ["flock", "--no-fork", self._path, *self._command]
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        try:
            self.pid = spawn(argv, stdin=null, stdout=null, stderr=null, new_session=True, cwd="/")
        except Unavailable:
            return False
        finally:
            os.close(null)
        self.ended = os.pidfd_open(self.pid)
        return True

    def dismiss(self) -> None:
        """End it, before we give the lock back. Idempotent."""
        if self.pid:
            os.kill(self.pid, 9)  # our child, not waited for yet: the pid is still its
            self.reap()

    def reap(self) -> None:
        """After its death."""
        os.waitpid(self.pid, 0)
        os.close(self.ended)
        self.pid, self.ended = 0, -1
