"""Attestations in a list, as BuildKit keeps them: a manifest for no platform that refers to an image's manifest."""

from __future__ import annotations

from skerry.engine.manifests.change import put
from skerry.engine.manifests.document import digest_of, entry
from skerry.engine.manifests.find import get_list
from skerry.engine.manifests.records import drop_blobs, turn
from skerry.fastjson import dumps
from skerry.store.blobs import add_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_IN_TOTO = "application/vnd.in-toto+json"


def add_attestation(engine: Engine, name: str, image_digest: str, statements: Sequence[tuple[str, bytes]]) -> str:
    """See `Manifests.add_attestation`."""
    record = get_list(engine, name)
    made: list[str] = []
    with turn(engine):
        try:
            layers = []
            for predicate_type, data in statements:
                digest, size = add_blob(engine.store, [data])
                made.append(digest)
                note = {"in-toto.io/predicate-type": predicate_type}
                layers.append({"mediaType": _IN_TOTO, "digest": digest, "size": size, "annotations": note})
            rootfs = {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]}
            config = dumps({"architecture": "unknown", "os": "unknown", "config": {}, "rootfs": rootfs}).encode()
            digest, size = add_blob(engine.store, [config])
            made.append(digest)
            manifest = dumps({
                "schemaVersion": 2, "mediaType": _MANIFEST,
                "config": {"mediaType": _CONFIG, "digest": digest, "size": size}, "layers": layers,
            }).encode()  # fmt: skip
            add_blob(engine.store, [manifest])
        except BaseException:
            drop_blobs(engine, dict.fromkeys(made, ""))
            raise
    notes = {"vnd.docker.reference.digest": image_digest, "vnd.docker.reference.type": "attestation-manifest"}
    item = entry(
        _MANIFEST, digest_of(manifest), len(manifest), blobs=list(dict.fromkeys(made)), os="unknown",
        architecture="unknown", annotations=notes,
    )  # fmt: skip
    put(engine, record, [item], None)
    return item["digest"]
