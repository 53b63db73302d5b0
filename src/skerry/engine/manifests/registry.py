"""Manifests that are in a registry: read and verified for a list, without their layers."""

from __future__ import annotations

from skerry.config import policy
from skerry.engine.images.transfer import Transfer, connect
from skerry.errors import Corrupt, SkerryError
from skerry.image import shortnames
from skerry.image.archive import MAX_JSON
from skerry.image.reference import DOCKER_HUB, parse
from skerry.image.registry import documents
from skerry.image.registry.endpoints import endpoints

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from skerry.engine.engine import Engine
    from skerry.image.reference import Reference
    from skerry.image.registry.client import Client
    from skerry.image.registry.documents import Descriptor, Document


class Remote:
    """One repository of a registry, open for reading; a context manager. ``top`` is what its name means there."""

    def __init__(self, client: Client, reference: Reference) -> None:
        self.client = client
        self.reference = reference
        self.top = self.document(reference.digest or reference.tag or "latest", reference.digest)

    @property
    def repository(self) -> str:
        """``docker://REGISTRY/PATH``."""
        return f"docker://{self.reference.repository}"

    def __enter__(self) -> Remote:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def document(self, name: str, digest: str = "", size: int | None = None) -> Document:
        """A manifest or an index by its name or digest; `Corrupt` when it is not what it was said to be."""
        data, content_type, promised = self.client.manifest(name, documents.ACCEPT, documents.MAX_MANIFEST)
        what = f"the manifest {name} of {self.client.endpoint}"
        found = documents.digest_of(data)
        expected = digest or (promised if promised.startswith("sha256:") else found)
        if found != expected:
            raise Corrupt(f"{what} has the digest {found}, not {expected}")
        if size is not None and len(data) != size:
            raise Corrupt(f"{what} has {len(data)} bytes, not {size}")
        return documents.parse(data, content_type, what)

    def config(self, descriptor: Descriptor) -> bytes:
        """An image's config, verified."""
        data = self.client.small_blob(descriptor.digest, descriptor.size, MAX_JSON)
        if documents.digest_of(data) != descriptor.digest:
            raise Corrupt(f"the image's config has the digest {documents.digest_of(data)}, not {descriptor.digest}")
        return data


def open_remote(engine: Engine, name: str, transfer: Transfer) -> Remote:
    """The first of the names that ``name`` may mean that some registry has; the error of the first when none has."""
    errors: list[SkerryError] = []
    for reference in _candidates(engine, name):
        policy.load().check("docker", f"{reference}")
        for endpoint in endpoints(reference):
            client = connect(engine.settings, endpoint, transfer)
            try:
                return Remote(client, reference)
            except SkerryError as error:
                client.close()
                where = f"fetching manifest {reference.digest or reference.tag} in {reference.repository}: "
                asked = error.message.startswith("pinging ")
                error.message = f'reading image "docker://{reference}": {where if asked else ""}{error.message}'
                errors.append(error)
    raise errors[0]


def open_repository(engine: Engine, source: str, digest: str, transfer: Transfer) -> Remote:
    """``source`` (`Remote.repository`) again, for the instance ``digest``."""
    return open_remote(engine, f"{source}@{digest}", transfer)


def _candidates(engine: Engine, name: str) -> list[Reference]:
    if name.startswith("docker://"):
        return [shortnames.full(parse(name.removeprefix("docker://")), DOCKER_HUB)]
    return list(shortnames.resolve(engine.settings, name).candidates)
