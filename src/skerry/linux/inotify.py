"""inotify(7): sleep until something happens to files."""

from __future__ import annotations

import os
import select

from skerry.linux.libc import call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x2, 0x8, 0x80, 0x100, 0x200
IN_MOVE_SELF, IN_DELETE_SELF = 0x800, 0x400
_CHANGES = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVE_SELF | IN_DELETE_SELF


class Watch:
    """Watches folders. Where inotify is refused (too many instances), `wait` just sleeps: callers look again anyway."""

    __slots__ = ("_fd",)

    def __init__(self, *folders: str) -> None:
        try:
            self._fd = call("inotify_init1", os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            self._fd = -1
        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> None:
        """Watch one more folder; one that does not exist is ignored."""
        if self._fd < 0:
            return
        try:
            call("inotify_add_watch", self._fd, os.fsencode(folder), _CHANGES, about=folder)
        except OSError:
            pass  # gone, or the limit is reached: `wait` ends by its time

    def wait(self, timeout_s: float, *others: int) -> None:
        """Return when something changed, one of the descriptors ``others`` is readable, or the time is over."""
        poll = select.poll()
        for fd in (self._fd, *others):
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        poll.poll(timeout_s * 1000)
        self.drain()

    def fileno(self) -> int:
        """Readable when something changed; -1 where inotify is refused."""
        return self._fd

    def drain(self) -> None:
        """Take notice of what changed so far."""
        try:
            while self._fd >= 0 and os.read(self._fd, 65536):
                pass
        except BlockingIOError:
            pass  # all read

    def close(self) -> None:
        """Stop watching. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
