"""The thread that carries our standard input to a container.

A thread of its own because neither direction may wait for the other; it can be stopped at any time without having
read more than it passed on.
"""

from __future__ import annotations

import _signal
import _thread
import os
import select

from skerry.runtime.detach import Scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Sink(Protocol):
        """Where input goes. ``write`` never blocks: `BlockingIOError` when there is no room."""

        def fileno(self) -> int: ...
        def write(self, data: bytes) -> int: ...
        def end(self) -> None: ...
        def leave(self) -> None: ...


_CHUNK = (
    28 << 10
)  # whole blocks for who counts them; conmon reads at most 32 KiB of a packet, and keys held back come on top


class Feeder:
    """Reads ``fd`` until its end, which `Sink.end` passes on, or until the detach keys (`Sink.leave`)."""

    __slots__ = ("_ended", "_input", "_scanner", "_sink", "_wake", "_wake_write", "detached")

    def __init__(self, sink: Sink, fd: int, keys: bytes | None = None) -> None:
        self._sink = sink
        self._input = fd
        self._scanner = Scanner(keys) if keys else None
        self._wake, self._wake_write = os.pipe()
        self._ended = _thread.allocate_lock()
        self.detached = False

    def start(self) -> None:
        """Begin."""
        self._ended.acquire()
        # Signals are for the main thread, which must notice them while this one sleeps.
        before = _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
        try:
            _thread.start_new_thread(self._run, ())
        finally:
            _signal.pthread_sigmask(_signal.SIG_SETMASK, before)

    def stop(self) -> None:
        """Return when the thread has ended. Input that it has not read stays unread."""
        os.close(self._wake_write)
        self._ended.acquire()
        os.close(self._wake)

    def _run(self) -> None:
        try:
            self._carry()
        except OSError:
            pass  # the program closed its side, or ended: whoever reads its output sees that too
        finally:
            self._ended.release()

    def _carry(self) -> None:
        poll = select.poll()
        poll.register(self._input, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while True:
            if any(fd == self._wake for fd, _ in poll.poll()):
                return
            try:
                data = os.read(self._input, _CHUNK)
            except BlockingIOError:
                continue
            except OSError:
                data = b""  # a closed or hung up descriptor is at its end
            if not data:
                if self._scanner is not None:
                    self._send(self._scanner.rest())
                self._sink.end()
                return
            if self._scanner is not None:
                data, self.detached = self._scanner.feed(data)
            self._send(data)
            if self.detached:
                self._sink.leave()
                return

    def _send(self, data: bytes) -> None:
        """All of ``data``; waits for room, but no longer once `stop` is called."""
        while data:
            try:
                data = data[self._sink.write(data) :]
            except BlockingIOError:
                poll = select.poll()
                poll.register(self._sink.fileno(), select.POLLOUT)
                poll.register(self._wake, select.POLLIN)
                if any(fd == self._wake for fd, _ in poll.poll()):
                    return
