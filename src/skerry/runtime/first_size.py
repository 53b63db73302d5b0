"""The size of an exec's terminal before its program can ask for it.

crun (as of 1.8) sets the size beside the program that is already on its way, by a process that has to be woken for it:
on a busy machine the program is faster every second time, and finds 0 rows. conmon gets the terminal still later. So a
thread of ours waits for the terminal to appear in the container's /dev/pts and sets it, scheduled before all others
(SCHED_FIFO), for an ordinary thread is not woken in time either: 93 of 200 were right without it, 34 of 60 with an
ordinary one, 200 of 200 so (two CPUs at a load of 18). Only root may have that; for others it stays as it is.
"""

from __future__ import annotations

import _thread
import errno
import os
import select
import stat
import termios
import time

from skerry.linux.beneath import open_in_root
from skerry.linux.inotify import Watch

_SLAVES = range(136, 144)  # the major numbers of pseudo terminals
_LOCKED_S = 0.00005  # between looks at a terminal that is not open to others yet
_LOOKS = 100


class FirstSize:
    """``with FirstSize(pid, (rows, columns)):`` what starts in the container of ``pid`` meanwhile, on a new terminal,
    finds it with this size. Terminals that have a size are left alone. Without effect where it cannot be done, and for 0."""

    def __init__(self, pid: int, size: tuple[int, int]) -> None:
        self._size = size
        self._folder = self._stop = -1
        self._watch: Watch | None = None
        self._done = _thread.allocate_lock()
        try:
            # What the container has at that path may be anything: it is looked up as it would be in there.
            self._folder = open_in_root(f"/proc/{pid}/root", "dev/pts", os.O_RDONLY | os.O_DIRECTORY)
            self._old = set(os.listdir(self._folder))
            self._stop = os.eventfd(0)
        except OSError:
            return
        self._watch = Watch(f"/proc/self/fd/{self._folder}")

    def __enter__(self) -> FirstSize:
        if self._watch is not None and self._watch.fileno() >= 0:
            self._done.acquire()
            try:
                _thread.start_new_thread(self._run, (self._watch,))
            except RuntimeError:  # too many of them
                self._done.release()
        return self

    def __exit__(self, *_: object) -> None:
        if self._done.locked():
            os.eventfd_write(self._stop, 1)
            self._done.acquire()
        if self._watch is not None:
            self._watch.close()
        for fd in (self._folder, self._stop):
            if fd >= 0:
                os.close(fd)

    def _run(self, watch: Watch) -> None:
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
            poll = select.poll()
            poll.register(watch.fileno(), select.POLLIN)
            poll.register(self._stop, select.POLLIN)
            while self._stop not in [fd for fd, _ in poll.poll()]:
                watch.drain()
                for name in set(os.listdir(self._folder)) - self._old:
                    self._old.add(name)
                    self._give(name)
        except OSError:
            pass  # we may not go first, or the container has ended: it is as it would be without us
        finally:
            self._done.release()

    def _give(self, name: str) -> None:
        found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder)
        try:
            status = os.fstat(found)
            if not stat.S_ISCHR(status.st_mode) or os.major(status.st_rdev) not in _SLAVES:
                return
            terminal = _unlocked(found)
            if terminal < 0:
                return
            try:
                if termios.tcgetwinsize(terminal) == (0, 0):
                    termios.tcsetwinsize(terminal, self._size)
            except termios.error:
                pass  # hung up already
            finally:
                os.close(terminal)
        finally:
            os.close(found)


def _unlocked(found: int) -> int:
    """Open a terminal whose maker has still to unlock it; -1 when that takes too long."""
    for _ in range(_LOOKS):
        try:
            return os.open(f"/proc/self/fd/{found}", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
        time.sleep(_LOCKED_S)
    return -1
