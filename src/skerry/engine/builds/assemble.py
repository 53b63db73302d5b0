"""An image of layers that are there and a config."""

from __future__ import annotations

import os

from skerry.engine.images.new import check_format, store_image
from skerry.engine.images.resolve import resolve
from skerry.errors import Conflict
from skerry.image.reference import normalise
from skerry.store.blobs import blob_place
from skerry.store.layers import get_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

# What only Docker's format can hold, by the instruction that says it, in Buildah's words.
_DOCKER_ONLY = {"Healthcheck": "HEALTHCHECK", "OnBuild": "ONBUILD", "Shell": "SHELL"}
_NAMES_OF_A_BUILD = ("Hostname", "Domainname")


def assemble(
    engine: Engine, document: dict[str, Any], layers: Sequence[str], names: Sequence[str], *, format: str,
    annotations: Mapping[str, str] | None,
) -> ImageRecord:  # fmt: skip
    """See `Builds.image`. Killed anywhere: the image is whole, or its layers belong to the cache alone."""
    check_format(format)
    records = []
    for chain_id in layers:
        record = get_layer(engine.store, chain_id)
        if record is None:
            raise Conflict("a layer of the image was removed meanwhile", hint="try again")
        records.append(record)
    document = {**document, "config": dict(document.get("config") or {})}
    if format == "oci":
        _leave_out(engine, document["config"])
    return store_image(engine, document, records, [normalise(name) for name in names], format, annotations=annotations)


def descriptor(engine: Engine, image_id: str) -> dict[str, Any]:
    """See `Builds.descriptor`."""
    image = resolve(engine, image_id)
    platform = {key: image.get(key) for key in ("architecture", "os", "variant") if image.get(key)}
    size = os.path.getsize(blob_place(engine.store, image["digest"]))
    return {"mediaType": image["media_type"], "digest": image["digest"], "size": size, "platform": platform}


def _leave_out(engine: Engine, config: dict[str, Any]) -> None:
    for key, instruction in _DOCKER_ONLY.items():
        if found := config.pop(key, None):
            what = f", [{' '.join(found)}]" if isinstance(found, list) else " and"
            engine.log(
                f"{instruction} is not supported for OCI image format{what} will be ignored. Must use `docker` format"
            )
    for key in _NAMES_OF_A_BUILD:
        config.pop(key, None)
