"""Where a full name's repository is reached: mirrors and the registry itself, as registries.conf has it."""

from __future__ import annotations

from skerry.config import identity, registries
from skerry.image.reference import DOCKER_HUB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.image.reference import Reference

_HUB_HOST = "registry-1.docker.io"


class Endpoint:
    """Where a repository can be reached: the registry itself or a mirror of it.

    ``registry`` is the name that credentials and certs.d go by, ``host`` what is connected to, ``path`` the
    repository there; ``insecure``: any certificate, or none, is accepted."""

    __slots__ = ("host", "insecure", "path", "registry")

    def __init__(self, registry: str, path: str, *, insecure: bool = False) -> None:
        self.registry = registry
        self.host = _HUB_HOST if registry == DOCKER_HUB else registry
        self.path = path
        self.insecure = insecure

    def __str__(self) -> str:
        return f"{self.registry}/{self.path}"


def endpoints(reference: Reference, *, push: bool = False) -> list[Endpoint]:
    """Where a full name's repository is: mirrors, then the registry; the first that answers counts (to push: only the
    registry itself). `Denied` when registries.conf blocks it."""
    tables = registries.load(identity.current())
    repository = f"{reference.domain}/{reference.path}"
    if push:
        found = [registries.push_endpoint(tables, repository)]
    else:
        found = registries.pull_endpoints(tables, repository, by_digest=bool(reference.digest))
    places = [(each.location.partition("/"), each.insecure) for each in found]
    return [Endpoint(host, path, insecure=insecure) for (host, _, path), insecure in places]
