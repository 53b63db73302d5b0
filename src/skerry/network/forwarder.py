"""A program of its own: carries what reaches a host's sockets to a container of a user's bridge.

``forwarder.py PID_FILE as-clients|as-itself FD,PROTOCOL,ADDRESSES,PORT…``: it is started in the user's network namespace
with the listening sockets of the host's. One thread watches all of these; each connection has two, in which the kernel
moves the bytes (splice), so that Python is idle.
It imports nothing of Skerry: it lives as long as the container, in as little memory as can be.
"""

from __future__ import annotations

import _socket
import _thread
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_CHUNK = 1 << 16
_UDP_IDLE_S = 90.0
# (level, option) of IP_TRANSPARENT and IPV6_TRANSPARENT
_TRANSPARENT = {_socket.AF_INET: (0, 19), _socket.AF_INET6: (41, 75)}
_as_clients = False


def _family(address: str) -> int:
    return _socket.AF_INET6 if ":" in address else _socket.AF_INET


def _copy(source: _socket.socket, target: _socket.socket) -> None:
    """One direction of a connection, to its end; then the other side is told."""
    read, write = os.pipe()
    try:
        while count := os.splice(source.fileno(), write, _CHUNK):
            while count:
                count -= os.splice(read, target.fileno(), count)
    except OSError:
        pass  # one side has reset the connection: the other sees its end
    finally:
        os.close(read)
        os.close(write)
    try:
        target.shutdown(_socket.SHUT_WR)
    except OSError:
        pass  # it has gone already


def _is_local(client: str) -> bool:
    """Whether an address means something else in the container."""
    return client == "::1" or client.startswith(("127.", "fe80:"))


def _towards(addresses: str, port: int, kind: int, client: str) -> _socket.socket:
    """A socket connected to the container, at the address of the client's family if it has one: from the client's own
    address where that makes sense there."""
    if client.startswith("::ffff:"):
        client = client[7:]  # an IPv4 client of a socket for both
    address = min(addresses.split("|"), key=lambda text: _family(text) != _family(client))
    made = _socket.socket(_family(address), kind | _socket.SOCK_CLOEXEC)
    try:
        if _as_clients and _family(client) == made.family and not _is_local(client):
            try:
                made.setsockopt(*_TRANSPARENT[made.family], 1)
                made.bind((client, 0))
            except OSError:
                pass  # then from our own
        made.connect((address, port))
    except BaseException:
        made.close()
        raise
    return made


def _serve(client: _socket.socket, address: str, port: int) -> None:
    server = None
    try:
        server = _towards(address, port, _socket.SOCK_STREAM, client.getpeername()[0])
        for one in (client, server):
            one.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        done = _thread.allocate_lock()
        done.acquire()

        def back() -> None:
            _copy(server, client)
            done.release()

        _thread.start_new_thread(back, ())
        _copy(client, server)
        done.acquire()
    except OSError:
        # Nobody listens in the container: the client shall see a reset, not an empty answer.
        client.setsockopt(_socket.SOL_SOCKET, _socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    finally:
        client.close()
        if server is not None:
            server.close()


def _accept(listener: _socket.socket, address: str, port: int) -> None:
    try:
        fd, _ = listener._accept()  # type: ignore[attr-defined]
        os.set_blocking(fd, True)
        _thread.start_new_thread(_serve, (_socket.socket(listener.family, listener.type, 0, fd), address, port))
    except BlockingIOError:
        pass  # the client has gone
    except OSError:
        time.sleep(0.05)  # no descriptors left for now


class _Datagrams:
    """A UDP port: each client has a socket of its own towards the container, until it is silent for a while."""

    __slots__ = ("_address", "_clients", "_listener", "_port", "_watch")

    def __init__(
        self,
        listener: _socket.socket,
        address: str,
        port: int,
        watch: Callable[[_socket.socket, Callable[[], None]], None],
    ) -> None:
        self._listener, self._address, self._port, self._watch = listener, address, port, watch
        # client: its socket, and when it was last heard of
        self._clients: dict[Any, tuple[_socket.socket, float]] = {}

    def receive(self) -> None:
        """Pass on what a client says."""
        data, client = self._listener.recvfrom(65535)
        if client not in self._clients:
            inner = _towards(self._address, self._port, _socket.SOCK_DGRAM, client[0])
            self._watch(inner, lambda: self._answer(client))
            self._clients[client] = inner, 0.0
        inner = self._clients[client][0]
        self._clients[client] = inner, time.monotonic()
        inner.send(data)

    def _answer(self, client: Any) -> None:
        inner = self._clients[client][0]
        self._clients[client] = inner, time.monotonic()
        self._listener.sendto(inner.recv(65535), client)

    def forget_silent(self) -> list[_socket.socket]:
        """The sockets of clients that said nothing for a while, which it has given up."""
        limit = time.monotonic() - _UDP_IDLE_S
        silent = [client for client, (_, used) in self._clients.items() if used < limit]
        return [self._clients.pop(client)[0] for client in silent]


class _Loop:
    """All listening sockets, watched by one thread."""

    __slots__ = ("_actions", "_datagrams", "_poll")

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._actions: dict[int, Callable[[], None]] = {}
        self._datagrams: list[_Datagrams] = []

    def watch(self, one: _socket.socket, action: Callable[[], None]) -> None:
        """Do it whenever there is something to read."""
        self._actions[one.fileno()] = action
        self._poll.register(one.fileno(), select.EPOLLIN)

    def listen(self, word: str) -> None:
        """Serve ``FD,PROTOCOL,ADDRESS[|ADDRESS],PORT``."""
        fd, protocol, address, port = word.split(",")
        listener = _socket.socket(fileno=int(fd))
        listener.setblocking(False)
        if protocol == "udp":
            served = _Datagrams(listener, address, int(port), self.watch)
            self._datagrams.append(served)
            self.watch(listener, served.receive)
        else:
            self.watch(listener, lambda: _accept(listener, address, int(port)))

    def run(self) -> None:
        """Serve until killed."""
        looked = time.monotonic()
        while True:
            for fd, _ in self._poll.poll(_UDP_IDLE_S if self._datagrams else -1):
                try:
                    self._actions[fd]()
                except OSError:
                    continue  # nobody listens in the container
            if time.monotonic() - looked > _UDP_IDLE_S:
                looked = time.monotonic()
                for served in self._datagrams:
                    for silent in served.forget_silent():
                        del self._actions[silent.fileno()]
                        silent.close()


def main(words: list[str]) -> None:
    """Serve until killed."""
    global _as_clients
    _thread.stack_size(1 << 17)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    _as_clients = words[0] == "as-clients"
    loop = _Loop()
    for word in words[1:]:
        loop.listen(word)
    loop.run()


if __name__ == "__main__":
    main(sys.argv[2:])
