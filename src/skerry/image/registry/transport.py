"""HTTP to one registry and to where it points: connections that are used again, silence that ends, proxies.

Nothing here knows credentials or retries. A connection belongs to one request at a time; several threads share the
pool. A time limit counts silence, never a whole transfer.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
from threading import Lock
from urllib.parse import urlsplit

from skerry.errors import Corrupt, Unavailable
from skerry.image.registry.failures import Interrupted, of_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from skerry.image.registry.tls import Trust

    Body = bytes | tuple[int, Callable[[], Iterator[bytes]]]  # bytes, or a size and who gives them (again)

CONNECT_S, SILENCE_S = 15.0, 45.0
_IDLE = 8
_MAX_INTERIM = 20
CHUNK = 1 << 20


class _Response(http.client.HTTPResponse):
    """Gives up on servers that answer with "100 Continue" for ever."""

    _interim = 0

    def _read_status(self) -> tuple[str, int, str]:
        self._interim += 1
        if self._interim > _MAX_INTERIM:
            raise http.client.HTTPException("no end of interim answers")
        version, status, reason = super()._read_status()  # type: ignore[misc]
        return version, status, reason


class Transport:
    """Sends requests. `close` it at the end."""

    def __init__(self, trust: Trust, *, silence_s: float = SILENCE_S) -> None:
        self._trust = trust
        self._silence_s = silence_s
        self._connect_s = min(CONNECT_S, silence_s)
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}
        self._busy: set[http.client.HTTPConnection] = set()
        self._lock = Lock()
        self._aborted = False
        self._proxies = _proxies()

    def send(self, method: str, url: str, headers: Mapping[str, str], body: Body | None = None) -> Response:
        """One request, one answer, whatever its status. `Interrupted` when there was none."""
        parts = urlsplit(url)
        key = (parts.scheme, parts.netloc)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        while True:
            connection, reused = self._take(key)
            try:
                if not reused:
                    connection.connect()
                    sock: socket.socket = connection.sock  # type: ignore[assignment]
                    sock.settimeout(self._silence_s)
                if self._aborted:
                    raise ConnectionAbortedError
                target = url if getattr(connection, "absolute", False) else path
                answer = _exchange(connection, method, target, {**getattr(connection, "extra", {}), **headers}, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self.drop(connection)
                if reused and not self._aborted and not isinstance(error, TimeoutError) and not isinstance(body, tuple):
                    continue  # the server had closed it meanwhile (a long body may have arrived in part: not again)
                if isinstance(error, (http.client.HTTPException, ValueError)) and not isinstance(error, OSError):
                    raise Unavailable(f"{parts.netloc} does not answer in HTTP: {type(error).__name__}") from None
                raise of_connection(error, *key) from None
            return Response(self, key, connection, answer, url)

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            for connections in self._idle.values():
                for connection in connections:
                    connection.close()
            self._idle.clear()

    def abort(self) -> None:
        """Cut the connections that are in use."""
        with self._lock:
            self._aborted = True
            for connection in self._busy:
                if sock := connection.sock:
                    try:
                        sock.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass  # it is not connected any more

    def drop(self, connection: http.client.HTTPConnection) -> None:
        """A connection that is of no more use."""
        with self._lock:
            self._busy.discard(connection)
        connection.close()

    def give_back(self, key: tuple[str, str], connection: http.client.HTTPConnection) -> None:
        """A connection whose answer was read to the end."""
        with self._lock:
            self._busy.discard(connection)
            idle = self._idle.setdefault(key, [])
            if connection.sock is not None and len(idle) < _IDLE:
                idle.append(connection)
                return
        connection.close()

    def _take(self, key: tuple[str, str]) -> tuple[http.client.HTTPConnection, bool]:
        with self._lock:
            if idle := self._idle.get(key):
                self._busy.add(idle[-1])
                return idle.pop(), True
        connection = self._connect(*key)
        with self._lock:
            self._busy.add(connection)
        return connection, False

    def _connect(self, scheme: str, netloc: str) -> http.client.HTTPConnection:
        parts = urlsplit(f"//{netloc}")
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise Unavailable(f"{netloc} is no address of a server") from None
        proxy = self._proxies(scheme, netloc)
        connection: Any
        if scheme == "https":
            context = self._trust.context(netloc)
            if proxy:
                connection = http.client.HTTPSConnection(
                    proxy.host, proxy.port, timeout=self._connect_s, context=context
                )
                connection.set_tunnel(host, port or 443, headers=proxy.headers)
            else:
                connection = http.client.HTTPSConnection(host, port, timeout=self._connect_s, context=context)
        elif proxy:
            connection = http.client.HTTPConnection(proxy.host, proxy.port, timeout=self._connect_s)
            connection.absolute, connection.extra = True, proxy.headers
        else:
            connection = http.client.HTTPConnection(host, port, timeout=self._connect_s)
        connection.response_class = _Response
        return connection  # type: ignore[no-any-return]


def _exchange(
    connection: http.client.HTTPConnection, method: str, target: str, headers: Mapping[str, str], body: Body | None
) -> http.client.HTTPResponse:
    connection.putrequest(method, target, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    if body is None and method in ("POST", "PUT", "PATCH"):
        body = b""
    if body is not None:
        connection.putheader("Content-Length", str(len(body) if isinstance(body, bytes) else body[0]))
    connection.endheaders()
    try:
        for chunk in (body,) if isinstance(body, bytes) else body[1]() if body else ():
            connection.send(chunk)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
        pass  # the server answers before it has read all: its answer says why
    answer = connection.getresponse()
    length = (answer.headers.get("Content-Length") or "0").strip()
    if not (length.isascii() and length.isdigit()):
        # http.client would read until the server closes the connection, which it has no reason to do.
        raise http.client.HTTPException(f"an answer of {length[:40]} bytes")
    return answer


class Response:
    """An answer. Read it with `read` or `chunk`, then `close` it; a context manager."""

    def __init__(
        self,
        transport: Transport,
        key: tuple[str, str],
        connection: http.client.HTTPConnection,
        raw: http.client.HTTPResponse,
        url: str,
    ) -> None:
        self.status = raw.status
        self.url = url
        self._transport = transport
        self._key = key
        self._connection: http.client.HTTPConnection | None = connection
        self._raw = raw
        self._failure: Interrupted | None = None

    def __enter__(self) -> Response:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def header(self, name: str) -> str:
        """A header's value, empty when it is not there."""
        return self._raw.headers.get(name) or ""

    def headers(self, name: str) -> list[str]:
        """All values of a header."""
        return self._raw.headers.get_all(name) or []

    @property
    def length(self) -> int | None:
        """How many bytes the server says are left."""
        return self._raw.length

    def chunk(self, size: int = CHUNK) -> bytes:
        """The next bytes (as many as ``size`` unless the body ends), b"" at the end. `Interrupted` where it is cut:
        what came before is returned first."""
        if self._failure:
            raise self._failure
        parts, missing = [], size
        try:
            while missing and (data := self._raw.read1(min(missing, 1 << 18))):
                parts.append(data)
                missing -= len(data)
            if missing and self._raw.length:
                raise ConnectionResetError
        except TimeoutError:
            self._failure = Interrupted(f"{self._key[1]} fell silent in the middle of an answer")
        except (OSError, http.client.HTTPException, ValueError):
            self._failure = Interrupted(f"{self._key[1]} cut the connection in the middle of an answer: unexpected EOF")
        if self._failure and not parts:
            raise self._failure
        return b"".join(parts)

    def read(self, limit: int, what: str) -> bytes:
        """A small body whole. `Corrupt` when it has more than ``limit`` bytes."""
        if (self._raw.length or 0) > limit:
            raise Corrupt(f"{what} has {self._raw.length} bytes, more than {limit}")
        data = b""
        while len(data) <= limit:
            part = self.chunk(min(CHUNK, limit + 1 - len(data)))
            if not part:
                return data
            data += part
        raise Corrupt(f"{what} has more than {limit} bytes")

    def close(self) -> None:
        """Give the connection back, or close it when the body was not read."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._raw.length == 0 and not self._raw.chunked:
            self._raw.close()  # it is at its end, which read1 does not notice
        if self._raw.isclosed() or self._small_rest():
            self._transport.give_back(self._key, connection)
        else:
            self._raw.close()
            self._transport.drop(connection)

    def _small_rest(self) -> bool:
        """Read the little that is left of a body: an answer with an error, which nobody looked at."""
        if self._failure or self._raw.length is None or self._raw.length > 1 << 16:
            return False
        try:
            self._raw.read()
        except (OSError, http.client.HTTPException, ValueError):
            return False
        return self._raw.isclosed()


class _Proxy:
    __slots__ = ("headers", "host", "port")

    def __init__(self, url: str) -> None:
        from base64 import b64encode
        from urllib.parse import unquote

        parts = urlsplit(url if "//" in url else f"//{url}")
        self.host = parts.hostname or ""
        self.port = parts.port or (443 if parts.scheme == "https" else 80)
        self.headers = {}
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self.headers["Proxy-Authorization"] = "Basic " + b64encode(user.encode()).decode()


def _proxies() -> Callable[[str, str], _Proxy | None]:
    """Which proxy leads to a host, by http_proxy, https_proxy, all_proxy and no_proxy."""
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return lambda _scheme, _netloc: None
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

    known = getproxies_environment()

    def choose(scheme: str, netloc: str) -> _Proxy | None:
        url = known.get(scheme) or known.get("all")
        host = netloc.rpartition(":")[0] or netloc
        # As in Go's client: a host itself is reached without a proxy.
        if not url or host in ("localhost", "127.0.0.1", "[::1]") or proxy_bypass_environment(netloc):
            return None
        return _Proxy(url)

    return choose
