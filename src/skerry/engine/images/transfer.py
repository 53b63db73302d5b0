"""What pull and push share: the options, who is told of progress, and the way to a registry."""

from __future__ import annotations

from skerry.engine.units import parse_duration
from skerry.errors import Invalid
from skerry.image.registry import platforms
from skerry.image.registry.client import Client, Limits
from skerry.image.registry.credentials import Credentials, find, parse_creds
from skerry.image.registry.platforms import Platform
from skerry.image.registry.tls import Trust
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings
    from skerry.image.registry.endpoints import Endpoint

__all__ = ["Limits", "Platform", "Report", "Transfer", "connect", "limits", "platform_of"]


@dataclass(frozen=True)
class Transfer:
    """How a registry is reached. ``tls_verify`` None: as configured. ``signature_policy``: instead of policy.json."""

    authfile: str = ""
    signature_policy: str = ""
    cert_dir: str = ""
    creds: str = ""
    tls_verify: bool | None = None
    limits: Limits = field(default_factory=Limits)


class Report:
    """Is told what happens, from several threads; this one is silent."""

    def line(self, text: str) -> None:
        """Something worth a line: which name is tried, what is written."""

    def warn(self, text: str) -> None:
        """A warning."""

    def copying(self, digest: str, size: int, kind: str = "blob") -> None:
        """A blob (or config) of so many bytes begins; 0: nobody knows."""

    def advance(self, digest: str, count: int) -> None:
        """So many more of its bytes are done; fewer, when it starts again."""

    def done(self, digest: str, note: str = "") -> None:
        """It is there: ``note`` says what it cost nothing for (``already exists``, ``mounted``)."""


def limits(retries: int = 3, delay: str = "", *, asked: bool = False) -> Limits:
    """``delay`` is a duration as Go writes it, before each retry; empty: half a second, then twice as long each time.
    ``asked``, or other than by default: a server that is not there yet is waited for."""
    waits = asked or retries != 3 or bool(delay)
    if not delay:
        return Limits(retries, waits=waits)
    nanoseconds = parse_duration(delay)
    if nanoseconds < 0:
        raise Invalid(f'invalid --retry-delay "{delay}": it is negative')
    return Limits(retries, nanoseconds / 1e9, waits=waits, steady=True)


def platform_of(platform: str = "", *, os: str = "", arch: str = "", variant: str = "") -> Platform:
    """The platform that these words mean; this machine's for what they do not say."""
    return platforms.wanted(platform, os=os, arch=arch, variant=variant)


def connect(settings: Settings, endpoint: Endpoint, transfer: Transfer, *, push: bool = False) -> Client:
    """A client for one repository, with the credentials that are known for it."""
    insecure = endpoint.insecure if transfer.tls_verify is None else not transfer.tls_verify
    trust = Trust(settings, endpoint.registry, endpoint.host, cert_dir=transfer.cert_dir, insecure=insecure)
    return Client(endpoint, trust, _credentials(settings, endpoint, transfer), transfer.limits, push=push)


def _credentials(settings: Settings, endpoint: Endpoint, transfer: Transfer) -> Credentials | None:
    if transfer.creds:
        return parse_creds(transfer.creds)
    return find(settings, endpoint.registry, endpoint.path, transfer.authfile)
