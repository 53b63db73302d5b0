"""Files as an instance of a list: an artifact's manifest is made of them, and their bytes are kept in the store.

Podman notes where the files are and reads them when the list is pushed. Here the list does not depend on them.
"""

from __future__ import annotations

import os

from skerry.engine.images.transfer import Transfer
from skerry.engine.manifests.change import Details, put
from skerry.engine.manifests.document import digest_of, entry, go_json
from skerry.engine.manifests.find import get_list
from skerry.engine.manifests.media_type import media_type_of
from skerry.engine.manifests.records import drop_blobs
from skerry.engine.manifests.sources import subject_of
from skerry.errors import Invalid
from skerry.fastjson import dumps
from skerry.store.blobs import add_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_EMPTY = "application/vnd.oci.empty.v1+json"
_UNKNOWN = "application/vnd.unknown.artifact.v1"  # what ORAS says of what nobody named
_TITLE = "org.opencontainers.image.title"
_EMPTY_JSON = b"{}"
_CHUNK = 1 << 20


class Artifact:
    """What an artifact's manifest says. ``type`` None: of an unknown type. ``config``: its content."""

    __slots__ = ("annotations", "config", "config_type", "layer_type", "subject", "titles", "type")

    def __init__(
        self, *, type: str | None = None, config: bytes = b"", config_type: str = "", layer_type: str = "",
        subject: str = "", titles: bool = True, annotations: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        self.type = _UNKNOWN if type is None else type
        self.config = config
        self.config_type = config_type
        self.layer_type = layer_type
        self.subject = subject
        self.titles = titles
        self.annotations = dict(annotations or {})


def add_artifact(
    engine: Engine, name: str, files: Sequence[str], artifact: Artifact, *, details: Details | None = None,
    transfer: Transfer | None = None,
) -> str:  # fmt: skip
    """See `Manifests.add_artifact`."""
    record = get_list(engine, name)
    # As Podman 6 has it, --artifact-subject is the subject of the list.
    referred = subject_of(engine, artifact.subject, transfer or Transfer()) if artifact.subject else None
    from skerry.engine.manifests.records import turn

    made: list[str] = []
    with turn(engine):
        try:
            layers = [_layer(engine, file, artifact, made) for file in files] or [_empty(engine, made)]
            config = _config(engine, artifact, made)
        except BaseException:
            drop_blobs(engine, dict.fromkeys(made, ""))
            raise
        manifest: dict[str, Any] = {"schemaVersion": 2, "mediaType": _MANIFEST}
        if artifact.type:
            manifest["artifactType"] = artifact.type
        manifest |= {"config": config, "layers": layers}
        if artifact.annotations:
            manifest["annotations"] = dict(sorted(artifact.annotations.items()))
        data = go_json(dumps(manifest)).encode()
        add_blob(engine.store, [data])
    item = entry(
        _MANIFEST, digest_of(data), len(data), artifact_type=artifact.type, blobs=list(dict.fromkeys(made)),
        files=[os.path.basename(file) for file in files],
    )  # fmt: skip
    put(engine, record, [item], details, referred)
    return record["id"]


def _layer(engine: Engine, path: str, artifact: Artifact, made: list[str]) -> dict[str, Any]:
    try:
        file = open(path, "rb", buffering=0)
    except OSError as error:
        raise Invalid(f'reading "{path}" to determine its digest: open {path}: {error.strerror}') from None
    with file:
        head = b""

        def chunks() -> Iterator[bytes]:
            nonlocal head
            for data in _chunks(file, path):
                head = head or data[:512]
                yield data

        digest, size = add_blob(engine.store, chunks())
    made.append(digest)
    title = os.path.basename(os.path.abspath(path))
    found: dict[str, Any] = {
        "mediaType": artifact.layer_type or media_type_of(title, head), "digest": digest, "size": size
    }  # fmt: skip
    if artifact.titles:
        found["annotations"] = {_TITLE: title}
    return found


def _chunks(file: BinaryIO, path: str) -> Iterator[bytes]:
    try:
        while data := file.read(_CHUNK):
            yield data
    except OSError as error:
        raise Invalid(f'reading "{path}" to determine its digest: {error.strerror}') from None


def _empty(engine: Engine, made: list[str]) -> dict[str, Any]:
    digest, size = add_blob(engine.store, [_EMPTY_JSON])
    made.append(digest)
    return {"mediaType": _EMPTY, "digest": digest, "size": size, "data": "e30="}


def _config(engine: Engine, artifact: Artifact, made: list[str]) -> dict[str, Any]:
    if not artifact.config and not artifact.config_type:
        return _empty(engine, made)
    from base64 import b64encode

    data = artifact.config or _EMPTY_JSON
    digest, size = add_blob(engine.store, [data])
    made.append(digest)
    return {
        "mediaType": artifact.config_type or _CONFIG, "digest": digest, "size": size, "data": b64encode(data).decode(),
    }  # fmt: skip
