"""An image as members of an archive or a folder: its config, its layers, and the manifest that names them."""

from __future__ import annotations

import os
from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.engine.images.add import DOCKER_MANIFEST, OCI_MANIFEST, digest_of
from skerry.errors import Invalid
from skerry.image.layout import add_bytes, write_error
from skerry.image.reference import is_digest
from skerry.store.archive.compress import compress_layer_tar
from skerry.store.blobs import has_blob, open_blob, read_blob
from skerry.store.layer_tar import chunks_of
from skerry.store.layers import get_layer, open_layer_tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Report
    from skerry.engine.images.types import ImageRecord
    from skerry.image.layout import Target
    from skerry.store.types import LayerRecord

CONFIG_TYPE = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
LAYER_TYPE = {
    (OCI_MANIFEST, ""): "application/vnd.oci.image.layer.v1.tar",
    (OCI_MANIFEST, "gzip"): "application/vnd.oci.image.layer.v1.tar+gzip",
    (OCI_MANIFEST, "zstd"): "application/vnd.oci.image.layer.v1.tar+zstd",
    (DOCKER_MANIFEST, ""): "application/vnd.docker.image.rootfs.diff.tar",
    (DOCKER_MANIFEST, "gzip"): "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
PLAIN = "tar"


class Form:
    """How an image is written. ``media_type`` of the manifest (empty: the image's own); ``encoding`` of layers that
    are not compressed: gzip, zstd, or empty to leave them; ``force``: of all layers; `PLAIN`: none is compressed."""

    __slots__ = ("encoding", "force", "level", "media_type", "report")

    def __init__(
        self, *, media_type: str = "", encoding: str = "", level: int | None = None, force: bool = False,
        report: Report | None = None,
    ) -> None:  # fmt: skip
        if encoding == "zstd" and media_type == DOCKER_MANIFEST:
            raise Invalid("compression using zstd is not supported with the format v2s2, use oci")
        self.media_type = media_type
        self.encoding = encoding
        self.level = level
        self.force = force or encoding == PLAIN
        self.report = report


def write_image(engine: Engine, image: ImageRecord, target: Target, prefix: str, form: Form) -> tuple[bytes, str]:
    """Write config and layers as members ``prefix``DIGITS; the manifest and its type, which are not written.

    The stored manifest, byte by byte, where it says what is wanted and its exact layers are at hand."""
    writer = _Writer(engine, image, target, prefix, form)
    stored = writer.as_stored()
    layers = stored or [writer.layer(record) for record in writer.layers]
    if stored:
        for item in stored:
            writer.copy(item)
    config = read_blob(engine.store, f"sha256:{image['id']}")
    writer.tell(f"sha256:{image['id']}", len(config), "config")
    add_bytes(target, prefix + image["id"], config)
    writer.told(f"sha256:{image['id']}")
    if stored:
        return writer.manifest, image["media_type"]
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": writer.media_type,
        "config": {"mediaType": CONFIG_TYPE[writer.media_type], "digest": digest_of(config), "size": len(config)},
        "layers": [item.descriptor(writer.media_type) for item in layers],
    }
    if writer.media_type == OCI_MANIFEST and image["annotations"]:
        document["annotations"] = image["annotations"]
    return fastjson.encode(document), writer.media_type


class _Item:
    """A layer as it is written: ``encoding`` empty is its plain tar."""

    __slots__ = ("digest", "encoding", "layer", "size")

    def __init__(self, layer: LayerRecord, digest: str, size: int, encoding: str) -> None:
        self.layer = layer
        self.digest = digest
        self.size = size
        self.encoding = encoding

    def descriptor(self, media_type: str) -> dict[str, Any]:
        return {"mediaType": LAYER_TYPE[media_type, self.encoding], "digest": self.digest, "size": self.size}


class _Writer:
    def __init__(self, engine: Engine, image: ImageRecord, target: Target, prefix: str, form: Form) -> None:
        self._engine = engine
        self._store = engine.store
        self._image = image
        self._target = target
        self._prefix = prefix
        self._form = form
        self.manifest = read_blob(engine.store, image["digest"])
        self.media_type = form.media_type or (OCI_MANIFEST if form.encoding == "zstd" else image["media_type"])
        if self.media_type not in CONFIG_TYPE:
            self.media_type = OCI_MANIFEST
        self.layers = layers_of(engine, image)

    def as_stored(self) -> list[_Item] | None:
        """The layers as the stored manifest names them; None when it cannot be given as it is."""
        form = self._form
        if form.media_type not in ("", self._image["media_type"]):
            return None
        digests = [str(item.get("digest")) for item in fastjson.loads(self.manifest).get("layers") or ()]
        if len(digests) != len(self.layers):
            return None
        found = [self._exact(layer, digest) for layer, digest in zip(self.layers, digests, strict=True)]
        return [item for item in found if item] if all(found) else None

    def _exact(self, layer: LayerRecord, digest: str) -> _Item | None:
        """One layer with the digest that the stored manifest has, if it is as the form wants it."""
        form = self._form
        if digest == layer["diff_id"]:
            return _Item(layer, digest, layer["size"], "") if form.encoding in ("", PLAIN) else None
        if not is_digest(digest) or not has_blob(self._store, digest):
            return None
        item = self._of_blob(layer, digest)
        return None if form.force and form.encoding != item.encoding else item

    def _of_blob(self, layer: LayerRecord, digest: str) -> _Item:
        encoding = (layer["blob_media_type"] or "").rpartition("+")[2] if digest == layer["blob"] else "gzip"
        with open_blob(self._store, digest) as file:
            return _Item(layer, digest, os.fstat(file.fileno()).st_size, encoding)

    def layer(self, layer: LayerRecord) -> _Item:
        """Write one layer as the form wants it."""
        form = self._form
        if layer["blob"] and has_blob(self._store, layer["blob"]):
            item = self._of_blob(layer, layer["blob"])
            fits = (self.media_type, item.encoding) in LAYER_TYPE
            if fits and not (form.force and form.encoding != item.encoding):
                self.copy(item)
                return item
        if form.encoding in ("", PLAIN):
            item = _Item(layer, layer["diff_id"], layer["size"], "")
            self.copy(item)
            return item
        return self._compressed(layer, form.encoding)

    def copy(self, item: _Item) -> None:
        """Write a layer whose bytes are in the store."""
        self.tell(item.digest, item.size)
        stored = item.digest != item.layer["diff_id"]
        chain = item.layer["chain_id"]
        with open_blob(self._store, item.digest) if stored else open_layer_tar(self._store, chain) as stream:
            self._target.add(self._prefix + item.digest[7:], stream, item.size)
        self.told(item.digest)

    def _compressed(self, layer: LayerRecord, encoding: str) -> _Item:
        hasher, size = openssl_sha256(), 0
        with self._store.staging() as staging:
            path = staging.path + "/layer"
            try:
                with open(path, "wb") as file:
                    for data in compress_layer_tar(chunks_of(self._store, layer), encoding, level=self._form.level):
                        hasher.update(data)
                        size += file.write(data)
            except OSError as error:
                raise write_error(error) from None
            item = _Item(layer, "sha256:" + hasher.hexdigest(), size, encoding)
            self.tell(item.digest, size)
            with open(path, "rb") as stream:
                self._target.add(self._prefix + item.digest[7:], stream, size)
            self.told(item.digest)
        return item

    def tell(self, digest: str, size: int, kind: str = "blob") -> None:
        """A member begins."""
        if self._form.report:
            self._form.report.copying(digest, size, kind)

    def told(self, digest: str) -> None:
        """It is written."""
        if self._form.report:
            self._form.report.done(digest)


def layers_of(engine: Engine, image: ImageRecord) -> list[LayerRecord]:
    """The records of an image's layers, base first."""
    found = [get_layer(engine.store, chain_id) for chain_id in image["layers"]]
    if None in found:
        raise Invalid(f"image {image['id'][:12]} was removed meanwhile")
    return [layer for layer in found if layer is not None]
