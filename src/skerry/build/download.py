"""What stands at an http(s) URL: Containerfiles, archives."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping

from skerry.build.redact import redacted
from skerry.errors import Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any

    from _typeshed import WriteableBuffer

_SILENCE_S = 60


def is_url(text: str) -> bool:
    """Whether it is http:// or https://."""
    return text.startswith(("http://", "https://"))


class Download(io.RawIOBase):
    """The bytes at ``url``, to their announced end. `NotFound` for 404, `Unavailable` for other failures.

    ``conditions``: headers (If-None-Match, …) with which the server may say that nothing is new: `unchanged`.
    ``tls``: what `tls_of` made of the build's flags."""

    def __init__(
        self, url: str, *, cancelled: Callable[[], bool] = lambda: False, conditions: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:  # fmt: skip
        import urllib.error
        import urllib.request

        self._name = redacted(url)
        self._cancelled = cancelled
        self._answer: Any = None
        self.unchanged = False
        self.length: int | None = None
        self._left: int | None = None
        try:
            request = _request(url)
            for name, value in (conditions or {}).items():
                request.add_header(name, value)
            self._answer = _opener(tls).open(request, timeout=_SILENCE_S)
        except urllib.error.HTTPError as error:
            if conditions and error.code == 304:
                self.unchanged = True
                return
            kind = NotFound if error.code in (404, 410) else Unavailable
            raise kind(f"downloading {self._name}: invalid response status {error.code} ({error.reason})") from None
        except (OSError, ValueError) as error:  # URLError is an OSError
            from skerry.build.unreachable import of_connection

            raise of_connection(url, self._name, getattr(error, "reason", error)) from None
        length = self._answer.headers.get("Content-Length", "")
        self.length = self._left = int(length) if length.isdecimal() else None

    def header(self, name: str) -> str:
        """A header of the answer; "" when there is none."""
        return str(self._answer.headers.get(name, "")) if self._answer is not None else ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        import http.client

        if self._cancelled():
            from skerry.engine.builds.errors import Interrupted

            raise Interrupted("interrupted")
        try:
            count = int(self._answer.readinto(buffer))
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"downloading {self._name}: {error}") from error
        if self._left is not None:
            self._left -= count
            if not count and self._left > 0:  # http.client takes a cut connection for the end
                raise Unavailable(f"downloading {self._name}: {self._left} bytes are missing")
        return count

    def close(self) -> None:
        if self._answer is not None:
            self._answer.close()
        super().close()


def _request(url: str) -> Any:
    """A GET, with the URL's user and password as Basic authentication, which no redirection takes along."""
    import urllib.request
    from base64 import b64encode
    from urllib.parse import unquote, urlsplit, urlunsplit

    parts = urlsplit(url)
    user, at, netloc = parts.netloc.rpartition("@")
    request = urllib.request.Request(urlunsplit(parts._replace(netloc=netloc)), headers={"User-Agent": "skerry"})
    if at:
        value = b64encode(unquote(user if ":" in user else user + ":").encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {value}")
    return request


def tls_of(options: Mapping[str, Any]) -> ssl.SSLContext | None:
    """--cert-dir and --tls-verify for what is downloaded, too, as Podman has it; None: the system's authorities."""
    folder, verify = options.get("cert_dir") or "", options.get("tls_verify")
    if not folder and verify is not False:
        return None
    import ssl

    context = ssl.create_default_context()
    try:
        for name in sorted(os.listdir(folder)) if folder else ():
            if name.endswith(".crt"):
                context.load_verify_locations(cafile=f"{folder}/{name}")
            elif name.endswith(".cert"):
                context.load_cert_chain(f"{folder}/{name}", f"{folder}/{name.removesuffix('.cert')}.key")
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors
        raise Invalid(f"--cert-dir {folder}: {error}") from None
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _opener(tls: ssl.SSLContext | None) -> Any:
    """urllib's, but for the schemes that a redirection must not lead to."""
    import urllib.error
    import urllib.request

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
            if not is_url(newurl):
                raise urllib.error.URLError(f"it redirects to {redacted(newurl)}")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    more = [urllib.request.HTTPSHandler(context=tls)] if tls is not None else []
    return urllib.request.build_opener(Redirects, *more)


def read_url(url: str, limit: int, *, cancelled: Callable[[], bool] = lambda: False) -> bytes:
    """All of it, if that is no more than ``limit`` bytes. `Invalid` when it is more."""
    with io.BufferedReader(Download(url, cancelled=cancelled), 1 << 18) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise Invalid(f"{redacted(url)} has more than {limit >> 20} MiB")
    return data
