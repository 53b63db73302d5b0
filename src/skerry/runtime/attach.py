"""A client of conmon's attach socket: the container's output to our descriptors, our input to the container.

conmon speaks SOCK_SEQPACKET: each packet to us is one byte (2 standard output, 3 standard error) and up to some
kilobytes of data; what we send is the program's standard input as it is, and shutdown(SHUT_WR) is its end. conmon
writes blocking: a slow reader slows the program down and loses nothing.

Input and output run in a thread each (both blocked in system calls nearly always), because neither direction may
wait for the other: with one loop, a full output pipe would stop the input that the program needs to go on. Our
descriptors are never made non-blocking: that would change them for everybody who shares them.
"""

from __future__ import annotations

import _socket
import errno
import os
import select
import time

from skerry.errors import OutOfSpace, SkerryError, Unavailable
from skerry.linux.unix_peer import is_accepted
from skerry.runtime.feeder import Feeder

STDOUT, STDERR = 2, 3
_LARGEST_PACKET = 65536  # conmon's is 8 or 32 KiB, by version
_BUFFER = 4 * _LARGEST_PACKET
_PATH_LIMIT = 107
_NAMES = {STDOUT: "stdout", STDERR: "stderr"}
# How long conmon may take to accept, however loaded the host: then it is not going to.
_ACCEPT_S = 60
_FIRST_LOOK_S, _LAST_LOOK_S = 0.00005, 0.005


class Attachment:
    """An open connection to a container's conmon."""

    __slots__ = ("socket",)

    def __init__(self, socket: _socket.socket) -> None:
        self.socket = socket

    def wait_accepted(self) -> None:
        """Wait until conmon has taken this connection: what is written from now on reaches it.

        conmon looks for children that have ended as the first thing once the container is created, and what these
        wrote it then reads without another look for who connected meanwhile. So a program that is let go at once and
        has ended by then, on a loaded host, has written its output for nobody. (Podman loses it.)"""
        fd, pause, end = self.socket.fileno(), _FIRST_LOOK_S, time.monotonic() + _ACCEPT_S
        while not is_accepted(fd) and not _hung_up(fd) and time.monotonic() < end:
            time.sleep(pause)
            pause = min(2 * pause, _LAST_LOOK_S)

    def close(self) -> None:
        """Leave; the container goes on. Idempotent."""
        self.socket.close()


def _hung_up(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLRDHUP)
    return bool(poll.poll(0))


def connect(path: str) -> Attachment:
    """Connect to conmon's socket. `Unavailable` when nobody listens there (the container has ended)."""
    folder = -1
    try:
        address = os.fsencode(path)
        if len(address) > _PATH_LIMIT:
            # sockaddr_un ends at 108 bytes; an open folder gives every path a short name.
            folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            address = b"/proc/self/fd/%d/%s" % (folder, os.path.basename(address))
        socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC)
        try:
            socket.connect(address)
        except BaseException:
            socket.close()
            raise
    except OSError as error:
        raise Unavailable(
            f"failed to connect to container's attach socket: {path}: {os.strerror(error.errno or 0).lower()}",
            hint="its conmon was killed: nobody holds its streams until it is started again"
            if error.errno == errno.ECONNREFUSED
            else "",
        ) from error
    finally:
        if folder >= 0:
            os.close(folder)
    return Attachment(socket)


def stream(
    attachment: Attachment, *, stdin: int | None, stdout: int | None, stderr: int | None, tty: bool = False,
    detach_keys: bytes | None = None,
) -> str:  # fmt: skip
    """Carry bytes until the container closes its side ("eof") or ``detach_keys`` are read ("detached").

    Descriptors may be None: not connected. With ``tty`` all output goes to ``stdout``. A descriptor of ours that
    breaks ends the stream with an error (`OutOfSpace`, `SkerryError` "write /dev/stdout: broken pipe", exit code
    126 as Podman's); the container goes on. Closes the attachment."""
    targets = {STDOUT: stdout, STDERR: stdout if tty else stderr}
    if stdin is None:
        try:
            _carry_output(attachment.socket, targets)
        finally:
            attachment.close()
        return "eof"
    feeder = Feeder(_Packets(attachment.socket, tty), stdin, detach_keys)
    feeder.start()
    try:
        _carry_output(attachment.socket, targets)
    finally:
        feeder.stop()
        attachment.close()
    return "detached" if feeder.detached else "eof"


class _Packets:
    """The sending side of the socket, for `Feeder`."""

    __slots__ = ("_socket", "_tty")

    def __init__(self, socket: _socket.socket, tty: bool) -> None:
        self._socket = socket
        self._tty = tty

    def fileno(self) -> int:
        return self._socket.fileno()

    def write(self, data: bytes) -> int:
        return self._socket.send(data, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)

    def end(self) -> None:
        if self._tty:
            # A terminal's input has no end but what Ctrl-D says: once to hand over a begun line, once as the end.
            # (Podman says nothing here: `echo | podman run -it … cat` hangs.)
            self._socket.send(b"\4\4", _socket.MSG_NOSIGNAL)
        self._socket.shutdown(_socket.SHUT_WR)

    def leave(self) -> None:
        self._socket.shutdown(_socket.SHUT_RDWR)


def _carry_output(socket: _socket.socket, targets: dict[int, int | None]) -> None:
    """Packets to descriptors until the other side closes. Packets that wait are written together."""
    header = bytearray(1)
    buffer = memoryview(bytearray(_BUFFER))
    receive = socket.recvmsg_into
    while True:
        # The first receive waits, the others take what is there already.
        current, filled, flags = 0, 0, 0
        while filled <= _BUFFER - _LARGEST_PACKET:
            try:
                size = receive([header, buffer[filled:]], 0, flags)[0]
            except BlockingIOError:
                break
            except ConnectionResetError:
                continue  # input of ours was left unread; told once, and before the packets that still wait
            if size == 0:
                _write(targets, current, buffer[:filled])
                return
            if header[0] != current and filled:
                _write(targets, current, buffer[:filled])
                buffer[: size - 1] = buffer[filled : filled + size - 1]
                filled = 0
            current = header[0]
            filled += size - 1
            flags = _socket.MSG_DONTWAIT
        _write(targets, current, buffer[:filled])


def _write(targets: dict[int, int | None], kind: int, data: memoryview) -> None:
    fd = targets.get(kind)
    if fd is not None:
        write_output(fd, data, _NAMES[kind])


def write_output(fd: int, data: memoryview | bytes, name: str) -> None:
    """Write all of a container's output to ``fd``, our ``name`` ("stdout"). Errors as `stream` raises them."""
    try:
        write_all(fd, data)
    except OSError as error:
        text = f"write /dev/{name}: {os.strerror(error.errno or 0).lower()}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(text, exit_code=126) from error
        raise SkerryError(text, exit_code=126) from error


def write_all(fd: int, data: memoryview | bytes) -> None:
    """Write all of ``data``, also to a descriptor that somebody made non-blocking."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(fd, select.POLLOUT)
            poll.poll()
