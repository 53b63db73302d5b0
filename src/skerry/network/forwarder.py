"""A program of its own: carries what reaches a host's sockets to a container of a user's bridge.

``forwarder.py PID_FILE as-clients|as-itself FD,PROTOCOL,ADDRESS,PORT…``: it is started in the user's network namespace with the listening
sockets of the host's. Two threads a connection, in which the kernel moves the bytes (splice), so that Python is idle.
It imports nothing of Skerry: it lives as long as the container, in as little memory as can be.
"""

from __future__ import annotations

import _socket
import _thread
import os
import select
import sys
import time

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


def _towards(address: str, port: int, kind: int, client: str) -> _socket.socket:
    """A socket connected to the container: from the client's own address where that makes sense there."""
    made = _socket.socket(_family(address), kind | _socket.SOCK_CLOEXEC)
    try:
        if _as_clients and _family(client) == made.family and not client.startswith(("127.", "::1", "fe80:")):
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
    while True:
        try:
            fd, _ = listener._accept()  # type: ignore[attr-defined]
            client = _socket.socket(listener.family, listener.type, 0, fd)
            _thread.start_new_thread(_serve, (client, address, port))
        except OSError:
            time.sleep(0.05)  # no descriptors left for now, or the client has gone


def _datagrams(listener: _socket.socket, address: str, port: int) -> None:
    """Each client has a socket of its own towards the container, until it is silent for a while."""
    clients: dict[tuple[str, int], list[object]] = {}
    poll = select.poll()
    poll.register(listener.fileno(), select.POLLIN)
    owners: dict[int, tuple[_socket.socket, tuple[str, int]]] = {}
    while True:
        for fd, _ in poll.poll(int(_UDP_IDLE_S * 1000)):
            try:
                if fd == listener.fileno():
                    data, client = listener.recvfrom(65535)
                    if client not in clients:
                        inner = _towards(address, port, _socket.SOCK_DGRAM, client[0])
                        poll.register(inner.fileno(), select.POLLIN)
                        owners[inner.fileno()] = (inner, client)
                        clients[client] = [inner, 0.0]
                    clients[client][1] = time.monotonic()
                    clients[client][0].send(data)  # type: ignore[attr-defined]
                else:
                    inner, client = owners[fd]
                    clients[client][1] = time.monotonic()
                    listener.sendto(inner.recv(65535), client)
            except OSError:
                continue  # nobody listens in the container
        now = time.monotonic()
        for client in [client for client, (_, used) in clients.items() if now - float(str(used)) > _UDP_IDLE_S]:
            inner = clients.pop(client)[0]  # type: ignore[assignment]
            poll.unregister(inner.fileno())
            del owners[inner.fileno()]
            inner.close()


def main(words: list[str]) -> None:
    """Serve until killed."""
    global _as_clients
    _thread.stack_size(1 << 17)
    _as_clients = words[0] == "as-clients"
    for word in words[1:]:
        fd, protocol, address, port = word.split(",")
        kind = _socket.SOCK_DGRAM if protocol == "udp" else _socket.SOCK_STREAM
        listener = _socket.socket(_socket.AF_INET, kind, 0, int(fd))
        serve = _datagrams if protocol == "udp" else _accept
        _thread.start_new_thread(serve, (listener, address, int(port)))
    while True:
        time.sleep(1 << 20)


if __name__ == "__main__":
    main(sys.argv[2:])
