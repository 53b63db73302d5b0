"""Mending a damaged image: its layers from their own blobs, all else from the registry that it came from."""

from __future__ import annotations

from contextlib import closing

from skerry.config import policy
from skerry.engine.containers.listing import observed
from skerry.engine.images.add import digest_of
from skerry.engine.images.pull import Pull, Source
from skerry.engine.images.pull_layers import fetch_again
from skerry.engine.images.transfer import Report, connect
from skerry.errors import Corrupt, InUse, NotFound, SkerryError
from skerry.image.reference import parse, repository_of
from skerry.image.registry import documents, platforms
from skerry.image.registry.endpoints import endpoints
from skerry.store.blobs import add_blob, read_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.registry.endpoints import Endpoint


def restore(engine: Engine, image: ImageRecord, damaged: Sequence[str]) -> None:
    """Make the layers ``damaged`` (chain ids), the config and the manifest what they were. `NotFound` when nobody has
    them, `InUse` while containers run on the layers; the registry's errors."""
    if damaged:
        _refuse_running(engine, image)
    errors: list[SkerryError] = []
    for name in image["names"] if image.get("pulled") else []:
        reference = parse(f"{repository_of(name)}@{image['digest']}")
        policy.load().check("docker", f"{reference}")
        for endpoint in endpoints(reference):
            try:
                _from(engine, endpoint, image, damaged)
                return
            except SkerryError as error:
                errors.append(error)
    if errors:
        raise errors[-1]
    raise NotFound("it came from no registry")


def _from(engine: Engine, endpoint: Endpoint, image: ImageRecord, damaged: Sequence[str]) -> None:
    options = Pull(platform=platforms.Platform(image["os"], image["architecture"], image["variant"]))
    with closing(connect(engine.settings, endpoint, options.transfer)) as client:
        source = Source(client, options)
        manifest = _stored_manifest(engine, image["digest"])
        if manifest is None:
            manifest = source.manifest(parse(f"{endpoint.registry}/{endpoint.path}@{image['digest']}"))
        config = source.config(engine, manifest)
        if digest_of(config) != f"sha256:{image['id']}" or manifest.digest != image["digest"]:
            raise Corrupt(f"{endpoint} has another image by this name")
        add_blob(engine.store, [config])
        add_blob(engine.store, [manifest.data])
        for chain, diff_id, descriptor in zip(image["layers"], image["diff_ids"], manifest.layers, strict=True):
            if chain in damaged:
                fetch_again(engine, client, chain, diff_id, descriptor, Report())


def _stored_manifest(engine: Engine, digest: str) -> documents.Document | None:
    try:
        data = read_blob(engine.store, digest)
    except SkerryError:
        return None
    return documents.parse(data, "", "the stored manifest") if digest_of(data) == digest else None


def _refuse_running(engine: Engine, image: ImageRecord) -> None:
    for record, state in observed(engine):
        if state["status"] in ("running", "paused", "stopping") and set(record["layers"]) & set(image["layers"]):
            raise InUse(f"container {record['name']} runs on it")
