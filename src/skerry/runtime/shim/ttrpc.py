"""ttrpc, containerd's small RPC over a unix socket: a header of ten bytes, then a protobuf message, one call at a time.

Header: length (4 bytes, big endian), stream (4, odd for a client's), type (1: 1 request, 2 response), flags (1).
"""

from __future__ import annotations

import socket

from skerry.errors import NotFound, SkerryError, Unavailable, Unsupported
from skerry.runtime.shim import protobuf

_REQUEST, _RESPONSE = 1, 2
_MAX_BYTES = 4 << 20  # the protocol's limit
_NOT_FOUND, _UNIMPLEMENTED = 5, 12  # of google.rpc.Code


class Closed(Unavailable):
    """The shim has gone: it ended, or was killed."""


class Connection:
    """One connection to a shim. A call that waits long wants a connection of its own."""

    def __init__(self, address: str, *, timeout_s: float | None = None) -> None:
        """``address``: ``unix://PATH`` or a path, ``@`` for the abstract namespace."""
        path = address.removeprefix("unix://").removeprefix("unix:")
        self._stream = -1
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect("\0" + path[1:] if path.startswith("@") else path)
        except OSError as error:
            self._socket.close()
            raise Closed(f"cannot reach the containerd shim at {path}: {error.strerror or error}") from None

    def fileno(self) -> int:
        """For poll(2): readable when an answer comes, or the shim goes."""
        return self._socket.fileno()

    def call(self, service: str, method: str, payload: bytes) -> bytes:
        """Send a request and wait for its answer. `Closed`, or the error that the shim answers with."""
        self.send(service, method, payload)
        return self.receive()

    def send(self, service: str, method: str, payload: bytes) -> None:
        """Send a request; `receive` gets its answer."""
        self._stream += 2
        message = protobuf.encode([(1, service), (2, method), (3, payload)])
        header = len(message).to_bytes(4, "big") + self._stream.to_bytes(4, "big") + bytes((_REQUEST, 0))
        try:
            self._socket.sendall(header + message)
        except OSError as error:
            raise Closed(f"the containerd shim is gone: {error.strerror or error}") from None

    def receive(self) -> bytes:
        """The answer to the last request."""
        while True:
            header = self._read(10)
            length, stream, kind = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big"), header[8]
            if length > _MAX_BYTES:
                raise Unavailable(f"a containerd shim sent a message of {length} bytes")
            message = self._read(length)
            if kind == _RESPONSE and stream == self._stream:
                return _payload(message)

    def _read(self, size: int) -> bytes:
        parts = []
        while size:
            try:
                part = self._socket.recv(min(size, 65536))
            except TimeoutError:
                raise Unavailable("the containerd shim does not answer") from None
            except OSError as error:
                raise Closed(f"the containerd shim is gone: {error.strerror or error}") from None
            if not part:
                raise Closed("the containerd shim is gone")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def _payload(message: bytes) -> bytes:
    response = protobuf.decode(message)
    status = protobuf.decode(protobuf.submessage(response, 1))
    code = protobuf.number(status, 1)
    if code:
        raise _error(code, protobuf.text(status, 2))
    return protobuf.submessage(response, 2)


def _error(code: int, text: str) -> SkerryError:
    line = " ".join(text.split())
    if code == _NOT_FOUND:
        return NotFound(f"container does not exist: {line}")
    if code == _UNIMPLEMENTED:
        return Unsupported(f"the containerd shim cannot do this: {line}")
    return Unavailable(line or f"the containerd shim failed with code {code}")
