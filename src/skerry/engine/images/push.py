"""Pushing an image: its layers and its config, then the manifest, from which on it exists there."""

from __future__ import annotations

import os
from contextlib import closing

from skerry import fastjson
from skerry.config import policy
from skerry.engine.images.push_layers import PushedLayer, Wanted, push_layers
from skerry.engine.images.resolve import resolve
from skerry.engine.images.transfer import Report, Transfer, connect
from skerry.engine.images.write_image import CONFIG_TYPE, LAYER_TYPE
from skerry.errors import Conflict, Corrupt, Invalid, NotFound, SkerryError
from skerry.image import locations
from skerry.image.reference import DOCKER_HUB, is_digest, parse
from skerry.image.registry.documents import DOCKER_MANIFEST, OCI_MANIFEST, digest_of
from skerry.image.registry.endpoints import endpoints
from skerry.image.registry.upload import Blob, push_blob
from skerry.image.shortnames import full
from skerry.store.blobs import blob_place, has_blob, open_blob, read_blob
from skerry.store.layers import get_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.reference import Reference
    from skerry.image.registry.client import Client
    from skerry.store.types import LayerRecord

FORMATS = {"": "", "oci": OCI_MANIFEST, "v2s2": DOCKER_MANIFEST, "docker": DOCKER_MANIFEST}


class Push:
    """How to push. ``format``: oci or v2s2 (empty: the image's own); ``compression``: gzip or zstd (empty: as it is,
    else gzip); ``force``: compress again what is compressed otherwise; ``compress``: layers of a docker-dir too."""

    __slots__ = ("compress", "compression", "force", "level", "media_type", "report", "transfer")

    def __init__(
        self,
        *,
        format: str = "",
        compression: str = "",
        level: int | None = None,
        force: bool = False,
        compress: bool = False,
        transfer: Transfer | None = None,
        report: Report | None = None,
    ) -> None:
        if format not in FORMATS:
            raise Invalid(f'unknown format "{format}". Choose one of the supported formats: oci, v2s2')
        if compression not in ("", "gzip", "zstd", "uncompressed"):
            raise Invalid(f'unsupported compression format "{compression}": gzip and zstd are known')
        self.media_type = FORMATS[format]
        if compression == "zstd" and self.media_type == DOCKER_MANIFEST:
            what = "cannot use ForceCompressionFormat with undefined default compression format: " if force else ""
            raise Invalid(f"{what}compression using zstd is not supported with the format v2s2, use oci")
        self.compression = compression
        self.level = level
        self.force = force
        self.compress = compress
        self.transfer = transfer or Transfer()
        self.report = report or Report()
        self.transfer.limits.tell = self.report.warn


def push(engine: Engine, name: str, destination: str, options: Push) -> str:
    """See `Images.push`."""
    if options.transfer.signature_policy:
        policy.load(options.transfer.signature_policy)  # says where images may come from: this store, whatever it says
    try:
        record = resolve(engine, name)
    except NotFound:
        from skerry.engine.manifests.find import find_list

        if find_list(engine, name) is None:
            raise
        return engine.manifests.push(name, destination, options)  # a list none of whose images is for this machine
    location = locations.parse(destination) if destination else None
    if location is not None:
        from skerry.engine.images.push_location import push_location

        return push_location(engine, name, location, options)
    if options.compression == "uncompressed":
        raise Invalid("a registry's layers are compressed: gzip and zstd are known")
    target = _target(name, destination, record)
    (endpoint,) = endpoints(target, push=True)
    try:
        with closing(connect(engine.settings, endpoint, options.transfer, push=True)) as client:
            digest = _Pusher(engine, client, record, options).push(target)
    except SkerryError as error:
        error.message = f"trying to push {name} to docker://{target}: {error.message}"
        raise
    engine.events.emit(type="image", status="push", id=record["id"], name=str(target))
    return digest


def push_image(
    engine: Engine, client: Client, record: ImageRecord, target: Reference, options: Push
) -> tuple[bytes, str]:
    """Bring an image into ``target``'s repository under its digest alone; its manifest there, and that one's type."""
    manifest, media_type = _Pusher(engine, client, record, options).blobs(target)
    digest = digest_of(manifest)
    client.put_manifest(digest, manifest, media_type, digest)
    return manifest, media_type


def _target(name: str, destination: str, record: ImageRecord) -> Reference:
    if not destination:
        if not record["names"]:
            raise Invalid(f"{name} has no name to push to: give a destination")
        destination = record["names"][0]
    text = destination.removeprefix("docker://")
    scheme, colon, _rest = text.partition("://")
    if colon:
        raise Invalid(f'invalid destination "{destination}": {scheme} is no transport that can be pushed to')
    try:
        return full(parse(text), DOCKER_HUB)
    except Invalid as error:
        raise Invalid(f'parsing reference "{text}": {error.message}' if text else error.message) from None


class _Pusher:
    def __init__(self, engine: Engine, client: Client, record: ImageRecord, options: Push) -> None:
        self._engine = engine
        self._client = client
        self._record = record
        self._options = options
        self._manifest = read_blob(engine.store, record["digest"])
        self._config = read_blob(engine.store, f"sha256:{record['id']}")
        self._layers = [self._layer(chain) for chain in record["layers"]]

    def _layer(self, chain: str) -> LayerRecord:
        layer = get_layer(self._engine.store, chain)
        if layer is None:
            raise Conflict(f"layer {chain} of the image is gone", hint="skerry system check")
        if layer["blob"] and not has_blob(self._engine.store, layer["blob"]):
            layer["blob"] = None  # meddled with: it is made anew
        return layer

    def push(self, target: Reference) -> str:
        """Everything; the manifest's digest."""
        self._options.report.line("Getting image source signatures")
        manifest, media_type = self.blobs(target)
        self._options.report.line("Writing manifest to image destination")
        digest = digest_of(manifest)
        self._client.put_manifest(target.digest or target.tag, manifest, media_type, digest)
        return digest

    def blobs(self, target: Reference) -> tuple[bytes, str]:
        """Layers and config; the manifest that is to follow, and its type."""
        report = self._options.report
        as_it_is = self._as_it_is()
        wanted = as_it_is or [self._wanted(layer) for layer in self._layers]
        sources = _sources(self._engine, self._record, target)
        pushed = push_layers(self._engine.store, self._client, wanted, sources, report)
        report.copying(f"sha256:{self._record['id']}", len(self._config), "config")
        push_blob(self._client, self._config_blob())
        report.done(f"sha256:{self._record['id']}")
        manifest, media_type = self._manifest, self._record["media_type"]
        if not as_it_is:
            media_type = self._media_type()
            manifest = self._new_manifest(media_type, pushed)
        return manifest, media_type

    def _config_blob(self) -> Blob:
        store, digest = self._engine.store, f"sha256:{self._record['id']}"
        if digest_of(self._config) != digest:
            raise Corrupt(f"the image's config {digest} was altered in the store", hint="skerry system check")
        return Blob(digest, len(self._config), lambda: open_blob(store, digest))

    def _as_it_is(self) -> list[Wanted] | None:
        """The layers as the stored manifest names them, when that manifest can be pushed byte by byte."""
        options = self._options
        if options.media_type not in ("", self._record["media_type"]):
            return None
        descriptors = fastjson.loads(self._manifest).get("layers") or []
        if len(descriptors) != len(self._layers) or digest_of(self._manifest) != self._record["digest"]:
            return None
        found = [self._exact(layer, item) for layer, item in zip(self._layers, descriptors, strict=True)]
        return found if all(found) else None  # type: ignore[return-value]

    def _exact(self, layer: LayerRecord, descriptor: dict[str, Any]) -> Wanted | None:
        digest = str(descriptor.get("digest"))
        encoding = _encoding(layer["blob_media_type"]) if digest == layer["blob"] else ""
        if self._options.force and (self._options.compression or "gzip") != encoding:
            return None
        if digest == layer["blob"]:
            return Wanted(layer, blob_place(self._engine.store, digest), digest, int(layer["blob_size"] or 0))
        if digest == layer["diff_id"] and self._record.get("pulled"):
            return Wanted(layer, "", digest, layer["size"])
        if is_digest(digest) and has_blob(self._engine.store, digest):
            path = blob_place(self._engine.store, digest)
            return Wanted(layer, path, digest, os.path.getsize(path))
        return None

    def _wanted(self, layer: LayerRecord) -> Wanted:
        encoding = _encoding(layer["blob_media_type"]) if layer["blob"] else ""
        usable = encoding and (encoding == "gzip" or self._media_type() == OCI_MANIFEST)
        if self._options.force and encoding != (self._options.compression or "gzip"):
            usable = False
        if usable and layer["blob"]:
            path = blob_place(self._engine.store, layer["blob"])
            return Wanted(layer, path, layer["blob"], int(layer["blob_size"] or 0))
        return Wanted(layer, "", "", 0, self._options.compression or "gzip", self._options.level)

    def _media_type(self) -> str:
        if self._options.media_type:
            return self._options.media_type
        if self._options.compression == "zstd":
            return OCI_MANIFEST
        return self._record["media_type"] if self._record["media_type"] in CONFIG_TYPE else OCI_MANIFEST

    def _new_manifest(self, media_type: str, layers: list[PushedLayer]) -> bytes:
        """As Podman lays it out."""
        config = {
            "mediaType": CONFIG_TYPE[media_type],
            "digest": f"sha256:{self._record['id']}",
            "size": len(self._config),
        }
        entries = [
            {"mediaType": LAYER_TYPE[media_type, layer.encoding], "digest": layer.digest, "size": layer.size}
            for layer in layers
        ]
        document: dict[str, Any] = {
            "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": entries
        }  # fmt: skip
        if media_type == OCI_MANIFEST and self._record["annotations"]:
            document["annotations"] = self._record["annotations"]
        return fastjson.dumps(document).encode()


def _encoding(media_type: str | None) -> str:
    return (media_type or "").rpartition("+")[2] if "+" in (media_type or "") else ""


def _sources(engine: Engine, record: ImageRecord, target: Reference) -> dict[str, list[str]]:
    """For each of the image's layers (by chain id) repositories of the same registry that may have its blob."""
    own = set(record["layers"])
    found: dict[str, list[str]] = {}
    prefix = target.domain + "/"
    rows = engine.store.db.query(
        "SELECT n.name, i.doc FROM image_names n JOIN images i ON i.id = n.image WHERE n.name LIKE ? LIMIT 500",
        prefix + "%",
    )
    for name, doc in rows:
        repository = parse(name).path
        if not name.startswith(prefix) or repository == target.path:
            continue
        for chain in own.intersection(fastjson.loads(doc)["layers"]):
            if repository not in found.setdefault(chain, []) and len(found[chain]) < 2:
                found[chain].append(repository)
    return found
