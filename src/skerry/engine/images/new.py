"""Writing the config and the manifest of an image that is made here, as OCI or Docker's formats have them."""

from __future__ import annotations

import time

from skerry import fastjson
from skerry.engine.images.add import DOCKER_MANIFEST, OCI_CONFIG, OCI_MANIFEST, add_image, digest_of
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.types import LayerRecord

FORMATS = ("oci", "docker")
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
# What only Docker's format can hold.
_NOT_OCI = ("Healthcheck", "OnBuild", "Shell", "Hostname", "Domainname")


def now_text() -> str:
    """The present as RFC 3339 with nanoseconds."""
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09d}Z"


def check_format(format: str) -> None:
    """`Invalid` for what is no format."""
    if format not in FORMATS:
        raise Invalid(f'unrecognized image format "{format}"')


def store_image(
    engine: Engine, document: dict[str, Any], layers: Sequence[LayerRecord], names: Sequence[str], format: str,
    *, annotations: Mapping[str, str] | None = None,
) -> ImageRecord:  # fmt: skip
    """Complete ``document`` (an image config) with its layers and record the image. Durable. ``annotations``: the
    manifest's (OCI's alone has some)."""
    check_format(format)
    docker = format == "docker"
    if not docker:
        for key in _NOT_OCI:
            if document["config"].pop(key, None):
                engine.warn(f"{key} is not supported for OCI image format and is left out, use the docker format")
    document["rootfs"] = {"type": "layers", "diff_ids": [layer["diff_id"] for layer in layers]}
    config = fastjson.encode(document)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": {
            "mediaType": _DOCKER_CONFIG if docker else OCI_CONFIG, "digest": digest_of(config), "size": len(config),
        },
        "layers": [_descriptor(layer, docker=docker) for layer in layers],
    }  # fmt: skip
    if annotations and not docker:
        manifest["annotations"] = dict(sorted(annotations.items()))
    data = fastjson.dumps(manifest).encode()
    return add_image(engine, config, data, media_type, [layer["chain_id"] for layer in layers], names)


def _descriptor(layer: LayerRecord, *, docker: bool) -> dict[str, Any]:
    """The layer as it is stored: the exact compressed bytes where it has them, its tar otherwise."""
    media_type = _DOCKER_LAYER if docker else _OCI_LAYER
    if layer["blob"] is None:
        return {"mediaType": media_type, "digest": layer["diff_id"], "size": layer["size"]}
    zstd = (layer["blob_media_type"] or "").endswith("zstd")
    suffix = ("+zstd" if zstd else "+gzip") if not docker or zstd else ".gzip"
    return {"mediaType": media_type + suffix, "digest": layer["blob"], "size": layer["blob_size"]}
