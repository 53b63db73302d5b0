"""Bringing a blob into a repository: not at all when it is there, by a mount from another repository, else its bytes.

Small blobs go in one PUT; large ones in a PATCH that goes on where it was cut.
"""

from __future__ import annotations

from urllib.parse import quote

from skerry.errors import Corrupt, Denied, Invalid, NotFound, SkerryError, Unavailable
from skerry.image.registry.failures import Interrupted, Unauthenticated
from skerry.image.registry.retry import Patience
from skerry.image.registry.transport import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from skerry.image.registry.client import Client
    from skerry.image.registry.transport import Response

MONOLITHIC = 32 << 20


class Blob:
    """What is to be there: ``open`` gives its bytes from the beginning, each time it is called."""

    __slots__ = ("advance", "digest", "open", "size")

    def __init__(
        self, digest: str, size: int, open: Callable[[], BinaryIO], advance: Callable[[int], None] = lambda _: None
    ) -> None:
        self.digest = digest
        self.size = size
        self.open = open
        self.advance = advance

    def chunks(self, offset: int) -> Iterator[bytes]:
        """The bytes from ``offset`` on. `Corrupt` when there are fewer than there should be."""
        position = 0
        with self.open() as stream:
            while position < offset:
                position += len(_some(stream, min(CHUNK, offset - position)))
            while position < self.size:
                data = _some(stream, min(CHUNK, self.size - position))
                position += len(data)
                yield data
                self.advance(len(data))


def _some(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if not data:
        raise Corrupt("a blob that is to be pushed ends early in the store")
    return data


def push_blob(client: Client, blob: Blob, sources: Sequence[str] = ()) -> str:
    """Make ``blob`` be in the repository; ``sources`` are repositories of the registry that may have it. What made
    it cheap: ``already exists``, ``mounted from …``, or "" when it was sent."""
    if client.has_blob(blob.digest):
        return "already exists"
    for source in sources:
        if _mount(client, blob.digest, source):
            return f"mounted from {source}"
    patience = client.patience()
    while True:
        session = _Session(client, blob)
        try:
            session.begin()
            session.send(patience)
            return ""
        except Unauthenticated as error:
            # That it is not there may not be true, either: in Podman's words it is this question that was not answered.
            reason = error.message.removeprefix(f"{session.beginning}: ")
            raise Unauthenticated(
                f"trying to reuse blob {blob.digest} at destination: checking whether a blob {blob.digest} exists in "
                f"{client.endpoint}: {reason}",
                hint=error.hint,
            ) from None
        except Interrupted as error:
            patience.wait(error)
            blob.advance(-session.sent)


def _mount(client: Client, digest: str, source: str) -> bool:
    url = client.url(f"blobs/uploads/?mount={quote(digest)}&from={quote(source, safe='')}")
    scopes = (client.scope, f"repository:{source}:pull")
    try:
        with client.request("POST", url, f"mounting blob {digest}", good=(201, 202), scopes=scopes) as response:
            if response.status == 201:
                return True
            location = client.target(url, response.header("Location")) if response.header("Location") else ""
        if location:  # it cannot, and began an upload that nobody will end
            client.request("DELETE", location, "ending an upload", good=(204, 202, 200), patience=_once(client)).close()
    except (Denied, NotFound, Invalid, Unavailable):
        pass  # then it is sent
    return False


def _once(client: Client) -> Patience:
    return client.patience(retries=0)


class _Session:
    """One upload: ``location`` is where the next request goes, ``sent`` how much was given away."""

    def __init__(self, client: Client, blob: Blob) -> None:
        self._client = client
        self._blob = blob
        self._location = ""
        self.sent = 0
        self.beginning = f"initiating upload of blob {blob.digest} to {client.endpoint}"

    def begin(self) -> None:
        url = self._client.url("blobs/uploads/")
        with self._client.request("POST", url, self.beginning, good=(202,)) as response:
            self._next(url, response)

    def send(self, patience: Patience) -> None:
        if self._blob.size <= MONOLITHIC:
            self._put(self._blob.size)
            return
        offset = 0
        while True:
            try:
                self._patch(offset)
                break
            except Interrupted as error:
                patience.wait(error)
                known = self._status()
                if known > offset:
                    patience.progressed()
                self._blob.advance(known - self.sent)
                offset = self.sent = known
        self._put(0)

    def _put(self, size: int) -> None:
        url = self._location + ("&" if "?" in self._location else "?") + "digest=" + quote(self._blob.digest, safe=":")
        what = f"uploading blob {self._blob.digest} to {self._client.endpoint}"
        body = (size, lambda: self._counted(0)) if size else b""
        headers = {"Content-Type": "application/octet-stream"}
        with self._client.request(
            "PUT", url, what, headers=headers, body=body, good=(201, 204), patience=_once(self._client)
        ) as response:
            promised = response.header("Docker-Content-Digest")
        if promised.startswith("sha256:") and promised != self._blob.digest:
            raise Corrupt(f"{what}: the registry stored {promised}")

    def _patch(self, offset: int) -> None:
        headers = {"Content-Type": "application/octet-stream"}
        size = self._blob.size - offset
        if not size:
            return
        if offset:
            headers["Content-Range"] = f"{offset}-{self._blob.size - 1}"
        what = f"uploading blob {self._blob.digest} to {self._client.endpoint}"
        body = (size, lambda: self._counted(offset))
        with self._client.request(
            "PATCH", self._location, what, headers=headers, body=body, good=(202, 204), patience=_once(self._client)
        ) as response:
            self._next(self._location, response)

    def _counted(self, offset: int) -> Iterator[bytes]:
        for data in self._blob.chunks(offset):
            yield data
            self.sent += len(data)

    def _status(self) -> int:
        """How much the registry has. `Interrupted` when the upload is lost: it begins anew."""
        what = f"asking for the state of an upload to {self._client.endpoint}"
        try:
            with self._client.request("GET", self._location, what, good=(204, 200, 202)) as response:
                found = response.header("Range").removeprefix("bytes=")
                self._next(self._location, response)
        except SkerryError as error:
            raise Interrupted(error.message) from None
        first, dash, last = found.partition("-")
        if not dash or first != "0" or not last.isdecimal() or int(last) >= self._blob.size:
            return 0 if found in ("", "0-0") else self._lost(what, found)
        return int(last) + 1 if int(last) else 0

    def _lost(self, what: str, found: str) -> int:
        raise Interrupted(f"{what}: {found[:100]!r} is no range of it")

    def _next(self, url: str, response: Response) -> None:
        location = response.header("Location")
        if location:
            self._location = self._client.target(url, location)
        elif not self._location:
            raise Unavailable(f"{self._client.endpoint.host} does not say where to upload to")
