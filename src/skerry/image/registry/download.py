"""A blob on its way in: what an earlier pull left first, then the rest from the registry, as one stream.

What arrives is appended to a file, so that nothing is fetched twice: not after a cut connection (the stream goes on
with a Range), not after this process was killed (the next one goes on).
"""

from __future__ import annotations

import os

from skerry.errors import Corrupt, OutOfSpace, Unavailable
from skerry.image.registry.failures import Interrupted
from skerry.image.registry.transport import CHUNK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.image.registry.client import Client
    from skerry.image.registry.transport import Response


class Download:
    """A readable stream (``read`` only) of exactly ``size`` bytes. Used by one thread."""

    def __init__(self, client: Client, digest: str, size: int, fd: int, advance: Callable[[int], None]) -> None:
        """``fd`` is the file of what is known already. ``advance`` is told of bytes that count as done."""
        self._client = client
        self._digest = digest
        self._size = size
        self._fd = fd
        self._advance = advance
        self._position = 0
        self.resumed_at = self._known = min(os.fstat(fd).st_size, size)
        self._response: Response | None = None
        self._patience = client.patience()

    def read(self, size: int = CHUNK) -> bytes:
        """The next bytes, b"" after the last. `Corrupt`, `Unavailable`, `OutOfSpace`."""
        if self._position < self._known:
            data = os.pread(self._fd, min(size, self._known - self._position), self._position)
        else:
            data = self._fetch(size)
        self._position += len(data)
        self._advance(len(data))
        return data

    def close(self) -> None:
        """Drop the connection if there is one."""
        if self._response:
            self._response.close()
            self._response = None

    def _fetch(self, size: int) -> bytes:
        while self._position < self._size:
            try:
                if self._response is None:
                    self._response = self._client.blob(self._digest, self._position, self._size, self._patience)
                data = self._response.chunk(min(size, self._size - self._position))
                if not data:
                    raise Interrupted(f"reading blob {self._digest} in {self._client.endpoint}: unexpected EOF")
            except Interrupted as error:
                self.close()
                self._patience.wait(error)
                continue
            self._patience.progressed()
            self._keep(data)
            return data
        if self._response and self._response.length is None and self._response.chunk(1):
            raise Corrupt(f"blob {self._digest} has more than its {self._size} bytes")
        self.close()
        return b""

    def _keep(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            position = self._position
            while view:
                count = os.pwrite(self._fd, view, position)
                view, position = view[count:], position + count
        except OSError as error:
            kind = OutOfSpace if error.errno in (28, 122) else Unavailable
            raise kind(f"cannot keep blob {self._digest}: {error.strerror}") from None
