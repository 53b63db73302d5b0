"""The host ports of root's containers stay bound while these run, so that no other program can listen on one: rules of
the kernel would lead its clients away from it.

The sockets lie, as messages do, in the queue of one Unix socket that is connected to itself. The container's monitor
inherits that one descriptor, however many ports there are, and knows nothing of it; they go with the monitor. Whoever
may trace the monitor takes them out again, or puts more in.
"""

from __future__ import annotations

import _socket
import os
import sys

from skerry.linux.process import descriptor_of
from skerry.network.addresses import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from skerry.network.ports import Claim

_AT_ONCE = 250  # the kernel takes 253 descriptors a message


class Reserved:
    """Bound sockets that nobody reads from. One owner; `close` leaves them with who has the queue besides us."""

    __slots__ = ("_new", "_queue", "listens")
    # A socket is 3.8 KB of the kernel's memory, bound and queued in 6 µs. Longer ranges are only looked at.
    LONGEST = 4096

    def __init__(self, queue: _socket.socket | None = None, *, listens: bool = False) -> None:
        self.listens = (
            listens  # as scripts want to see it that look for who listens (containers.conf's force_port_listen)
        )
        if queue is None:
            queue = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
            queue.bind("")  # a name that the kernel chooses; connected to itself it takes no messages from others
            queue.connect(queue.getsockname())
        self._queue = queue
        self._new: list[_socket.socket] = []

    def add(self, bound: _socket.socket) -> None:
        """Keep a socket. It is in the queue after `flush` only, and not ours any more."""
        if self.listens and bound.type == _socket.SOCK_STREAM:
            bound.listen(0)
        self._new.append(bound)
        if len(self._new) == _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Put what was added into the queue."""
        if not self._new:
            return
        numbers = b"".join(each.fileno().to_bytes(4, sys.byteorder) for each in self._new)
        passed = (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, numbers)
        try:
            self._queue.sendmsg([b"\0"], [passed], _socket.MSG_DONTWAIT)
        except OSError:
            pass  # a root without CAP_SYS_ADMIN may have few in flight: the others were free, and are not kept
        for each in self._new:
            each.close()
        self._new = []

    def take(self) -> Iterable[_socket.socket]:
        """All sockets in the queue, taken out of it: closed they are free for others."""
        size = _socket.CMSG_SPACE(4 * _AT_ONCE)
        flags = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
        while True:
            try:
                _, passed, _, _ = self._queue.recvmsg(1, size, flags)
            except BlockingIOError:
                return
            for _, _, numbers in passed:
                for start in range(0, len(numbers), 4):
                    yield _socket.socket(fileno=int.from_bytes(numbers[start : start + 4], sys.byteorder))

    def drop(self, claims: list[Claim]) -> None:
        """Free the sockets of these ports."""
        self.flush()
        rest = Reserved()  # what is put back at once would be met again
        for each in self.take():
            if any(_is_of(each, claim) for claim in claims):
                each.close()
            else:
                rest.add(each)
        rest.flush()
        for each in rest.take():
            self.add(each)
        self.flush()
        rest.close()

    def inode(self) -> int:
        """What the queue is known by."""
        return os.fstat(self._queue.fileno()).st_ino

    def detach(self) -> int:
        """The queue's descriptor, which is the caller's to close."""
        self.flush()
        return self._queue.detach()

    def close(self) -> None:
        """Give up our hold on the queue."""
        for each in self._new:
            each.close()
        self._new = []
        self._queue.close()

    def free(self) -> None:
        """Free all."""
        for each in self.take():
            each.close()
        self.close()


def _is_of(bound: _socket.socket, claim: Claim) -> bool:
    protocol, address, first, last = claim
    host, port = bound.getsockname()[:2]
    if bound.type != (_socket.SOCK_DGRAM if protocol == "udp" else _socket.SOCK_STREAM) or not first <= port <= last:
        return False
    return host in ("::", "0.0.0.0") if not address else pack(host) == pack(address)


def of(monitor: int, inode: int) -> Reserved | None:
    """What a container's monitor holds; None where it has ended, or may not be traced."""
    fd = descriptor_of(monitor, f"socket:[{inode}]")
    return None if fd < 0 else Reserved(_socket.socket(fileno=fd))
