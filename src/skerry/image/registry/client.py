"""One repository of one registry: manifests, blobs, tags. Requests are authorised, redirected and tried again."""

from __future__ import annotations

from threading import Event, Lock
from urllib.parse import quote, urljoin, urlsplit

from skerry.errors import Corrupt, Denied, NotFound, SkerryError, Unavailable
from skerry.image.registry.auth import USER_AGENT, Authoriser
from skerry.image.registry.failures import Interrupted, of_status
from skerry.image.registry.retry import Patience, retry_after_s
from skerry.image.registry.transport import SILENCE_S, Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from skerry.image.registry.credentials import Credentials
    from skerry.image.registry.endpoints import Endpoint
    from skerry.image.registry.tls import Trust
    from skerry.image.registry.transport import Body, Response

_REDIRECTS = (301, 302, 303, 307, 308)
_MAX_REDIRECTS = 5
_MAX_ERROR = 1 << 16


class Limits:
    """``retries`` after the first try, ``delay_s`` before the first of them and twice as long before each next one, or
    before each (``steady``), ``silence_s`` of a silent server.

    ``waits``: also for a server that is not there yet, and ``tell`` is told of each time. Else nobody waits for that:
    it would only hide a typing error."""

    __slots__ = ("delay_s", "retries", "silence_s", "steady", "tell", "waits")

    def __init__(
        self,
        retries: int = 3,
        delay_s: float = 0.5,
        silence_s: float = SILENCE_S,
        *,
        waits: bool = False,
        steady: bool = False,
    ) -> None:
        self.waits = waits
        self.steady = steady
        self.tell: Callable[[str], None] | None = None
        self.retries = retries
        self.delay_s = delay_s
        self.silence_s = silence_s


class Client:
    """Shared by threads. `close` it at the end."""

    def __init__(
        self, endpoint: Endpoint, trust: Trust, credentials: Credentials | None, limits: Limits, *, push: bool = False
    ) -> None:
        self.endpoint = endpoint
        self.limits = limits
        self.scope = f"repository:{endpoint.path}:pull" + (",push" if push else "")
        self._transport = Transport(trust, silence_s=limits.silence_s)
        self._credentials = credentials
        self._insecure = trust.insecure
        self._base = "" if trust.insecure else f"https://{endpoint.host}"
        self._auth = Authoriser(self._transport, f"https://{endpoint.host}", credentials)
        self._lock = Lock()
        self._stop = Event()
        self._answered = False

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def abort(self) -> None:
        """End what other threads do with this client: they get an error soon."""
        self._stop.set()
        self._transport.abort()

    def check_stopped(self) -> None:
        """For long work of a thread: `Unavailable` after `abort`."""
        if self._stop.is_set():
            raise Unavailable("stopped, because something else failed")

    @property
    def base(self) -> str:
        """The registry's address. With --tls-verify=false, HTTP where there is no HTTPS."""
        with self._lock:
            if not self._base:
                self._base = self._patiently_found()
                self._auth = Authoriser(self._transport, self._base, self._credentials)
            return self._base

    def _patiently_found(self) -> str:
        patience = self.patience()
        while True:
            try:
                return self._find_base()
            except Interrupted as error:
                self._wait_for_server(error, patience)

    def _wait_for_server(self, error: Interrupted, patience: Patience) -> None:
        if not self.limits.waits or not error.unreached:
            raise error
        patience.wait(error, tell=self.limits.tell)

    def _find_base(self) -> str:
        secure, plain = f"https://{self.endpoint.host}", f"http://{self.endpoint.host}"
        try:
            self._transport.send("GET", f"{secure}/v2/", {"User-Agent": USER_AGENT}).close()
        except SkerryError as first:
            try:
                self._transport.send("GET", f"{plain}/v2/", {"User-Agent": USER_AGENT}).close()
            except SkerryError:
                raise first from None
            return plain
        return secure

    def url(self, path: str) -> str:
        """An address in this repository."""
        return f"{self.base}/v2/{self.endpoint.path}/{path}"

    def patience(self, retries: int | None = None) -> Patience:
        """For one thing that may be tried several times."""
        limits = self.limits
        count = limits.retries if retries is None else retries
        return Patience(count, limits.delay_s, self._stop, steady=limits.steady)

    def request(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        good: Sequence[int] = (200,),
        scopes: Sequence[str] = (),
        patience: Patience | None = None,
        anonymous: bool = False,
    ) -> Response:
        """An answer whose status is one of ``good``; the errors of `failures.of_status` else. ``what`` is attempted.
        ``anonymous``: without credentials, and 401 is an answer."""
        patience = patience or self.patience()
        while True:
            try:
                if anonymous:
                    response = self._follow(method, url, headers or {}, body, "")
                else:
                    response = self._once(method, url, headers or {}, body, tuple(scopes) or (self.scope,))
                if response.status in good:
                    return response
                with response:
                    data = response.read(_MAX_ERROR, "the registry's error") if method != "HEAD" else b""
                wait_s = retry_after_s(response.header("Retry-After"))
                raise of_status(response.status, data, what, wait_s=wait_s)
            except Interrupted as error:
                if error.unreached and not self._answered:
                    self._wait_for_server(error, patience)
                else:
                    patience.wait(error)

    def _once(
        self, method: str, url: str, headers: Mapping[str, str], body: Body | None, scopes: tuple[str, ...]
    ) -> Response:
        sent = self._auth.header(scopes) if self._is_ours(url) else ""
        response = self._follow(method, url, headers, body, sent)
        self._answered = True
        if response.status != 401 or not self._is_ours(response.url):
            return response
        if not self._auth.challenged(response, scopes, sent):
            return response
        response.close()
        header = self._auth.header(scopes)
        return self._follow(method, url, headers, body, header) if header != sent or not header else response

    def _follow(self, method: str, url: str, headers: Mapping[str, str], body: Body | None, auth: str) -> Response:
        for _hop in range(_MAX_REDIRECTS + 1):
            mine = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **headers}
            if auth and self._is_ours(url):
                mine["Authorization"] = auth
            response = self._transport.send(method, url, mine, body)
            if response.status not in _REDIRECTS or not response.header("Location"):
                return response
            if method not in ("GET", "HEAD") and response.status not in (307, 308):
                return response
            url = self.target(url, response.header("Location"))
            response.close()
        raise Unavailable(f"{self.endpoint.host} redirects in circles: stopped after {_MAX_REDIRECTS} redirects")

    def target(self, url: str, location: str) -> str:
        """Where a Location leads: HTTP only, and out of HTTPS only where any server is accepted."""
        try:
            found = urljoin(url, location)
            parts = urlsplit(found)
            valid = parts.scheme in ("https", "http") and bool(parts.hostname) and found.isascii()
        except ValueError:
            valid = False
        if not valid or not found.isprintable() or " " in found:
            raise Unavailable(f"{self.endpoint.host} points to {location[:200]!r}, which is no web address")
        if parts.scheme == "http" and urlsplit(url).scheme == "https" and not self._insecure:
            raise Unavailable(f"{self.endpoint.host} points from HTTPS to HTTP: {parts.netloc}")
        if parts.username is not None:
            raise Unavailable(f"{self.endpoint.host} points to an address with a password in it")
        return found

    def _is_ours(self, url: str) -> bool:
        mine, other = urlsplit(self.base), urlsplit(url)
        return (mine.scheme, mine.netloc) == (other.scheme, other.netloc)

    # What a repository has

    def manifest(self, reference: str, accept: str, limit: int) -> tuple[bytes, str, str]:
        """A manifest's bytes, its Content-Type, and the digest that the registry says it has (or "")."""
        what = f"reading manifest {reference} in {self.endpoint}"
        patience = self.patience()
        while True:
            url = self.url(f"manifests/{quote(reference, safe=':')}")
            try:
                response = self.request("GET", url, what, headers={"Accept": accept}, patience=patience)
                with response:
                    data = response.read(limit, f"the manifest {reference} of {self.endpoint}")
                kind = response.header("Content-Type").partition(";")[0].strip()
                return data, kind, response.header("Docker-Content-Digest").strip()
            except Interrupted as error:
                patience.wait(error)
            except NotFound as error:
                raise NotFound(error.message.replace(": not found", ": manifest unknown")) from None

    def blob(self, digest: str, offset: int, size: int, patience: Patience) -> Response:
        """A blob from ``offset`` on. A server that knows no ranges is read up to there."""
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        what = f"reading blob {digest} in {self.endpoint}"
        response = self.request(
            "GET", self.url(f"blobs/{digest}"), what, headers=headers, good=(200, 206), patience=patience
        )
        expected = size - offset
        if response.status == 206 and not response.header("Content-Range").startswith(f"bytes {offset}-"):
            response.close()
            raise Corrupt(f"{what}: the registry sent another part than was asked for")
        if response.status == 200 and offset:
            expected = size
        if response.length is not None and response.length != expected:
            length = response.length
            response.close()
            raise Corrupt(f"{what}: the registry sends {length} bytes, not {expected}")
        try:
            while response.status == 200 and offset:
                skipped = response.chunk(min(offset, 1 << 20))
                if not skipped:
                    raise Interrupted(f"{what}: unexpected EOF")
                offset -= len(skipped)
        except SkerryError:
            response.close()
            raise
        return response

    def small_blob(self, digest: str, size: int, limit: int) -> bytes:
        """A blob of at most ``limit`` bytes whole; its size is verified, its digest is the caller's to verify."""
        if size > limit:
            raise Corrupt(f"blob {digest} has {size} bytes, more than {limit}")
        patience = self.patience()
        while True:
            try:
                with self.blob(digest, 0, size, patience) as response:
                    data = response.read(size, f"blob {digest}")
                if len(data) != size:
                    raise Interrupted(f"reading blob {digest} in {self.endpoint}: unexpected EOF")
                return data
            except Interrupted as error:
                patience.wait(error)

    def put_manifest(self, reference: str, data: bytes, media_type: str, digest: str) -> None:
        """Store a manifest under a tag or its digest. `Corrupt` when the registry says that it has another one."""
        what = f"writing manifest {reference} to {self.endpoint}"
        url = self.url(f"manifests/{quote(reference, safe=':')}")
        with self.request(
            "PUT", url, what, headers={"Content-Type": media_type}, body=data, good=(201, 202, 200)
        ) as response:
            promised = response.header("Docker-Content-Digest").strip()
        if promised.startswith("sha256:") and promised != digest:
            raise Corrupt(f"{what}: the registry stored {promised}, not {digest}")

    def has_blob(self, digest: str) -> bool:
        """Whether the repository has it. A refusal counts as no: the upload then says why."""
        try:
            self.request("HEAD", self.url(f"blobs/{digest}"), f"checking for blob {digest}").close()
        except (NotFound, Denied):
            return False
        return True

    def reach(self) -> None:
        """Whether a registry is there at all, whoever it lets in: `Unavailable`."""
        self.request("GET", f"{self.base}/v2/", f"pinging container registry {self.endpoint.host}", good=(200, 401),
                     anonymous=True).close()  # fmt: skip

    def ping(self) -> None:
        """Whether one is let in: `Denied` with wrong credentials."""
        url = f"{self.base}/v2/"
        self.request("GET", url, f"pinging container registry {self.endpoint.host}").close()
