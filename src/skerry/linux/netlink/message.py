"""The netlink message format and a socket that speaks it (netlink(7)).

Builders are pure functions from values to bytes. A send is handled by the kernel before it returns, so the answers
are already there to be read: no waiting, no sequence of small round trips.
"""

from __future__ import annotations

import _socket
import _struct
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP = 1, 4, 0x300
NLM_F_EXCL, NLM_F_CREATE = 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_F_NESTED = 0x8000
NETLINK_ROUTE, NETLINK_NETFILTER = 0, 12
SO_SNDBUFFORCE = 32
USUAL_BYTES = 100_000  # what any socket takes at once
_HEADER = _struct.Struct("=IHHII")
_ATTRIBUTE = _struct.Struct("=HH")


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(4 + len(payload), kind) + payload + b"\0" * (-len(payload) % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def u32(kind: int, value: int) -> bytes:
    """An attribute with a number in the host's byte order."""
    return attribute(kind, _struct.pack("=I", value))


def string(kind: int, value: str) -> bytes:
    """An attribute with a string, ended by a null byte."""
    return attribute(kind, value.encode() + b"\0")


def message(kind: int, flags: int, body: bytes, sequence: int = 0) -> bytes:
    """One message with its header."""
    return _HEADER.pack(16 + len(body), kind, flags | NLM_F_REQUEST, sequence, 0) + body


def attributes(data: bytes, start: int = 0) -> dict[int, bytes]:
    """The attributes in ``data`` from ``start`` on, by kind without its flags."""
    found, end = {}, len(data)
    while start + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[start + 4 : start + length]
        start += (length + 3) & ~3
    return found


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(kind, sequence, body) of each message in a datagram."""
    start, end = 0, len(data)
    while start + 16 <= end:
        length, kind, _flags, sequence, _port = _HEADER.unpack_from(data, start)
        if length < 16:
            return
        yield kind, sequence, data[start + 16 : start + length]
        start += (length + 3) & ~3


class NetlinkError(OSError):
    """The kernel refused a message; ``index`` says which one of those that were sent together."""

    index = 0


class Netlink:
    """A netlink socket. It belongs to the network namespace in which it was made, for good."""

    __slots__ = ("_socket",)

    def __init__(self, protocol: int) -> None:
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, protocol)

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """The descriptor."""
        return self._socket.fileno()

    def cookie(self) -> int:
        """The namespace's number, unique until reboot. 0 before Linux 5.14."""
        try:
            return int.from_bytes(self._socket.getsockopt(_socket.SOL_SOCKET, 71, 8), "little")
        except OSError:
            return 0

    def make_room(self, size_bytes: int) -> bool:
        """Let so much be sent together. False where it is more than `USUAL_BYTES` and only the host's root may do that."""
        if size_bytes <= USUAL_BYTES:
            return True
        try:
            self._socket.setsockopt(_socket.SOL_SOCKET, SO_SNDBUFFORCE, 2 * size_bytes + 65536)
        except PermissionError:
            return False
        return True

    def send(self, batch: Sequence[bytes], about: str = "") -> list[tuple[int, bytes]]:
        """Send messages together. The answers, as (kind, body); the first error is raised as `NetlinkError`.

        Sequence numbers are put in here: the index of the message plus one."""
        data = b"".join(item[:8] + (number + 1).to_bytes(4, "little") + item[12:] for number, item in enumerate(batch))
        self.make_room(len(data))
        self._socket.send(data)
        return self._answers(about)

    def _answers(self, about: str) -> list[tuple[int, bytes]]:
        answers: list[tuple[int, bytes]] = []
        failure: NetlinkError | None = None
        while True:
            try:
                data = self._socket.recv(1 << 18, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            for kind, sequence, body in messages(data):
                if kind == NLMSG_ERROR:
                    number = -int.from_bytes(body[:4], "little", signed=True)
                    if number and failure is None:
                        failure = NetlinkError(number, f"netlink: {os.strerror(number)}", about)
                        failure.index = sequence - 1
                elif kind != NLMSG_DONE:
                    answers.append((kind, body))
        if failure is not None:
            raise failure
        return answers
