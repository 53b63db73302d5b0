"""What ``load`` and ``import`` are given by its address: a stream from a web server."""

from __future__ import annotations

import io

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

_SILENCE_S = 60


def is_address(text: str) -> bool:
    """Whether this is no path, but http:// or https://."""
    return text.startswith(("http://", "https://"))


def open_address(address: str) -> BinaryIO:
    """The bytes that are there. `Unavailable` when it answers with an error, falls silent, or ends early."""
    return io.BufferedReader(_Download(address), 1 << 20)


class _Download(io.RawIOBase):
    """What an address gives, to its announced end. The environment's proxies are used; silence ends it."""

    def __init__(self, address: str) -> None:
        import urllib.request

        self._address = address
        try:
            self._answer = urllib.request.urlopen(address, timeout=_SILENCE_S)
        except (OSError, ValueError) as error:  # urllib's errors are OSErrors
            raise Unavailable(f"downloading {address}: {error}") from error
        length = self._answer.headers.get("Content-Length", "")
        self._left = int(length) if length.isdecimal() else None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        import http.client

        try:
            count = int(self._answer.readinto(buffer))
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"downloading {self._address}: {error}") from error
        if self._left is not None:
            self._left -= count
            if not count and self._left > 0:  # http.client takes a cut connection for the end
                raise Unavailable(f"downloading {self._address}: {self._left} bytes are missing")
        return count

    def close(self) -> None:
        if hasattr(self, "_answer"):
            self._answer.close()
        super().close()
