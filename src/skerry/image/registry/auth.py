"""Proving who one is: Basic, and Bearer tokens from the realm that the registry names (distribution's token spec).

Credentials go to the registry itself, and to a realm that can be believed to be its own: the same host, or a host of
the same domain. To any other realm only a request without credentials is sent.
"""

from __future__ import annotations

import time
from base64 import b64encode
from threading import RLock
from urllib.parse import urlencode, urlsplit

from skerry import fastjson
from skerry.errors import Corrupt, Denied, SkerryError
from skerry.image.registry.challenge import choose
from skerry.image.registry.failures import Unauthenticated, of_status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.image.registry.challenge import Challenge
    from skerry.image.registry.credentials import Credentials
    from skerry.image.registry.transport import Response, Transport

    Send = Callable[[str, str, dict[str, str], bytes | None], Response]

_MAX_TOKEN = 1 << 20
_SHORTEST_S = 60


class Authoriser:
    """What to put into ``Authorization`` for one registry. Shared by threads."""

    def __init__(self, transport: Transport, registry_url: str, credentials: Credentials | None) -> None:
        self._transport = transport
        self._registry_url = registry_url
        self._credentials = credentials
        self._challenge: Challenge | None = None
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}
        self._lock = RLock()

    def header(self, scopes: Sequence[str]) -> str:
        """For a request that needs ``scopes``; empty as long as the registry has not asked."""
        with self._lock:
            if self._challenge is None:
                return ""
            if self._challenge.scheme == "basic":
                return self._basic()
            token, expires = self._tokens.get(tuple(scopes), ("", 0.0))
            if not token or time.monotonic() > expires:
                token = self._fetch(tuple(scopes))
            return f"Bearer {token}"

    def challenged(self, response: Response, scopes: Sequence[str], sent: str) -> bool:
        """The registry answered 401 to a request with the header ``sent``: whether another try makes sense."""
        challenge = choose(response.headers("WWW-Authenticate"))
        if challenge is None:
            return False
        with self._lock:
            known, self._challenge = self._challenge, challenge
            if challenge.scheme == "basic":
                return not sent and self._credentials is not None and bool(self._credentials.user)
            current = self._tokens.get(tuple(scopes), ("", 0.0))[0]
            if known and current and sent != f"Bearer {current}":
                return True  # another thread got a new one
            self._tokens.pop(tuple(scopes), None)
            return True

    def _basic(self) -> str:
        if self._credentials is None or not self._credentials.user:
            return ""
        return "Basic " + _encoded(self._credentials)

    def _fetch(self, scopes: tuple[str, ...]) -> str:
        assert self._challenge
        realm = self._challenge.parameters.get("realm", "")
        query = [("service", self._challenge.parameters.get("service", "")), *(("scope", scope) for scope in scopes)]
        query = [(name, value) for name, value in query if value]
        believed = _belongs(realm, self._registry_url)
        credentials = self._credentials if believed else None
        try:
            data = self._request(realm, query, credentials)
        except Denied:
            if self._credentials and not believed:
                raise Denied(
                    f"unauthorized: {urlsplit(self._registry_url).netloc} wants the password to be sent to another "
                    f"host ({urlsplit(realm).netloc}): it was not sent"
                ) from None
            raise
        token, lifetime = _token(data)
        self._tokens[scopes] = (token, time.monotonic() + max(lifetime, _SHORTEST_S) * 0.9)
        return token

    def _request(self, realm: str, query: list[tuple[str, str]], credentials: Credentials | None) -> bytes:
        if urlsplit(realm).scheme not in ("https", "http") or not urlsplit(realm).netloc:
            raise Denied(f"the registry names a realm that is no address of a token server: {realm[:200]!r}")
        if credentials and credentials.identity_token:
            form = [
                ("grant_type", "refresh_token"), ("client_id", "skerry"),
                ("refresh_token", credentials.identity_token), *query,
            ]  # fmt: skip
            headers = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": USER_AGENT}
            answer = self._transport.send("POST", realm, headers, urlencode(form).encode())
        else:
            headers = {"User-Agent": USER_AGENT}
            if credentials:
                headers["Authorization"] = "Basic " + _encoded(credentials)
                query = [("account", credentials.user), *query]
            url = realm + ("&" if "?" in realm else "?") + urlencode(query)
            answer = self._transport.send("GET", url, headers)
        with answer:
            data = answer.read(_MAX_TOKEN, "the token server's answer")
            if answer.status in (400, 401, 403):
                raise Unauthenticated("authentication required" if not credentials else _refused(data))
            if answer.status != 200:
                raise of_status(answer.status, data, "requesting a token")
        return data


USER_AGENT = "skerry"


def _refused(data: bytes) -> str:
    words = of_status(401, data, "").message.removeprefix(": ")
    return f"unable to retrieve auth token: invalid username/password: {words}"


def _encoded(credentials: Credentials) -> str:
    return b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()


def _token(data: bytes) -> tuple[str, float]:
    try:
        document = fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"the token server's answer is {error.message}") from None
    found = (document.get("token") or document.get("access_token")) if isinstance(document, dict) else None
    if not isinstance(found, str) or not found.isprintable() or not found.isascii():
        raise Corrupt("the token server's answer has no token")
    lifetime = document.get("expires_in")
    return found, float(lifetime) if isinstance(lifetime, int) and 0 < lifetime < 10**7 else _SHORTEST_S


def _belongs(realm: str, registry: str) -> bool:
    """Whether a realm may have the registry's credentials: never in clear where the registry is not."""
    there, here = urlsplit(realm), urlsplit(registry)
    if there.scheme != "https" and here.scheme == "https":
        return False
    mine, other = (here.hostname or "").split("."), (there.hostname or "").split(".")
    if mine == other:
        return True
    if not mine[-1].isalpha() or len(mine) < 2:
        return False  # an address, or a name without a domain
    # The registrable domain without the list of public suffixes: two labels, or three below co.uk and its like.
    labels = 3 if len(mine[-1]) == 2 and len(mine[-2]) <= 3 else 2
    return len(mine) >= labels and mine[-labels:] == other[-labels:]
