"""An instance that was never pulled, on its way from the registry that it was added from to where its list goes."""

from __future__ import annotations

import os
from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.engine.images.write_image import CONFIG_TYPE, LAYER_TYPE
from skerry.engine.manifests.document import digest_of
from skerry.engine.manifests.registry import open_repository
from skerry.errors import Corrupt, Unsupported
from skerry.image.registry.documents import Descriptor
from skerry.image.registry.download import Download
from skerry.records import replace
from skerry.store.layer_add import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.push import Push
    from skerry.engine.manifests.push_target import Target
    from skerry.engine.manifests.registry import Remote
    from skerry.engine.manifests.types import Entry
    from skerry.image.registry.documents import Document

_CHUNK = 1 << 20


def copy_remote(engine: Engine, target: Target, item: Entry, options: Push) -> Entry:
    """Copy it, verified; the instance as it is there (another manifest, when another format is asked for)."""
    transfer = options.transfer
    if transfer.creds and target.registry and not item["source"].startswith(f"docker://{target.registry}/"):
        transfer = replace(transfer, creds="")  # they are the target's
    with open_repository(engine, item["source"], item["digest"], transfer) as remote:
        document = remote.document(item["digest"], item["digest"], item["size"])
        if document.config is None:
            raise Corrupt(f"{item['source']}@{item['digest']} is an index, not an image")
        data, media_type = document.data, document.media_type
        if (
            options.media_type
            and options.media_type != media_type
            and document.config.media_type in CONFIG_TYPE.values()
        ):
            data, media_type = _converted(document, options.media_type), options.media_type
        seen: set[str] = set()
        for descriptor in (*document.layers, document.config):
            if descriptor.digest not in seen:
                seen.add(descriptor.digest)
                _blob(engine, remote, target, descriptor, options)
    options.report.line("Writing manifest to image destination")
    target.manifest(digest_of(data), data, media_type)
    return {**item, "digest": digest_of(data), "size": len(data), "media_type": media_type}


def _blob(engine: Engine, remote: Remote, target: Target, descriptor: Descriptor, options: Push) -> None:
    report, digest = options.report, descriptor.digest
    report.copying(digest, descriptor.size)
    if target.has(digest):
        report.done(digest, "skipped: already exists")
        return
    with engine.store.staging() as staging:
        path = staging.path + "/blob"
        _fetch(remote, descriptor, path, options)
        target.blob(digest, descriptor.size, lambda: open(path, "rb"), [remote.repository])
    report.done(digest)


def _fetch(remote: Remote, descriptor: Descriptor, path: str, options: Push) -> None:
    hasher = openssl_sha256()
    try:
        with open(path, "w+b", buffering=0) as file:
            advance = options.report.advance
            stream = Download(
                remote.client, descriptor.digest, descriptor.size, file.fileno(),
                lambda count: advance(descriptor.digest, count),
            )  # fmt: skip
            try:
                while data := stream.read(_CHUNK):
                    hasher.update(data)
            finally:
                stream.close()
            found, size = "sha256:" + hasher.hexdigest(), os.fstat(file.fileno()).st_size
    except OSError as error:
        raise translated(error, "cannot keep a layer") from error
    if found != descriptor.digest or size != descriptor.size:
        raise Corrupt(f"blob {descriptor.digest} of {remote.client.endpoint} has the digest {found}")


def _converted(document: Document, media_type: str) -> bytes:
    """The same image by a manifest of the other format: its blobs stay as they are."""
    encodings = {name: encoding for (_kind, encoding), name in LAYER_TYPE.items()}
    layers = []
    for layer in document.layers:
        encoding = encodings.get(layer.media_type)
        if encoding is None or (media_type, encoding) not in LAYER_TYPE:
            raise Unsupported(f"a layer of the type {layer.media_type[:100]!r} cannot be in a manifest of {media_type}")
        layers.append({"mediaType": LAYER_TYPE[media_type, encoding], "size": layer.size, "digest": layer.digest})
    config = document.config
    assert config
    made = {
        "schemaVersion": 2, "mediaType": media_type,
        "config": {"mediaType": CONFIG_TYPE[media_type], "size": config.size, "digest": config.digest},
        "layers": layers,
    }  # fmt: skip
    return fastjson.dumps(made).encode()
