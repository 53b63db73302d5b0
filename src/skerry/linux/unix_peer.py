"""Whether the other side of a Unix socket has accepted our connection (sock_diag(7)).

connect(2) returns as soon as the connection is queued; nothing tells when accept(2) takes it from the queue. The
kernel knows: the socket that waits there belongs to no file yet, so it has no inode.
"""

from __future__ import annotations

import _socket
import _struct
import os

_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR = 4, 20, 2
_UDIAG_SHOW_PEER, _UNIX_DIAG_PEER = 4, 2
_ANY = 0xFFFFFFFF  # states; and the cookie that fits every socket
_REQUEST = _struct.Struct("=IHHIIBBHIII2I")
_HEADERS_BYTES = 16 + 16  # of netlink and of unix_diag_msg
_SS_CONNECTING = b"02"


def is_accepted(fd: int) -> bool:
    """Whether the stream or packet socket ``fd``, which is connected, was accepted. Once its peer is gone: either.

    60 µs. Where the kernel has no unix_diag, /proc/net/unix is read: it does not know whose a waiting connection is,
    so that one of somebody else at a socket of this name counts as well."""
    inode = os.fstat(fd).st_ino & _ANY
    request = _REQUEST.pack(
        _REQUEST.size, _SOCK_DIAG_BY_FAMILY, 1, 0, 0, _socket.AF_UNIX, 0, 0, _ANY, inode, _UDIAG_SHOW_PEER, _ANY, _ANY
    )
    try:
        netlink = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _SOCK_DIAG)
        try:
            netlink.sendto(request, (0, 0))
            answer = netlink.recv(4096)
        finally:
            netlink.close()
    except OSError:
        return not _waits(fd)
    if len(answer) < _HEADERS_BYTES or _struct.unpack_from("=H", answer, 4)[0] == _NLMSG_ERROR:
        return not _waits(fd)
    return _peer(answer) != 0


def _peer(answer: bytes) -> int:
    """The inode of the other side: 0 while it waits in the queue, -1 when there is none any more."""
    at = _HEADERS_BYTES
    while at + 8 <= len(answer):
        length, kind, value = _struct.unpack_from("=HHI", answer, at)
        if kind == _UNIX_DIAG_PEER:
            return int(value)
        at += max(4, (length + 3) & ~3)
    return -1


def _waits(fd: int) -> bool:
    """Whether a connection waits at a socket that is bound to the name that ``fd`` is connected to."""
    socket = _socket.socket(fileno=os.dup(fd))
    try:
        name = os.fsencode(socket.getpeername())
        with open("/proc/net/unix", "rb") as file:
            rows = [line.split(None, 7) for line in file]
    except OSError:
        return False
    finally:
        socket.close()
    return any(row[5] == _SS_CONNECTING and row[-1].rstrip(b"\n") == name for row in rows if len(row) == 8)
