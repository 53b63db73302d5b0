"""Saving images as archives and folders that Podman, Docker, Skopeo and umoci read."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.images.add import OCI_CONFIG, OCI_MANIFEST, digest_of
from skerry.engine.images.resolve import resolve
from skerry.errors import Invalid
from skerry.image.layout import FolderTarget, TarTarget, add_bytes, write_error
from skerry.image.reference import HEX, is_digest, repository_of, tag_of
from skerry.store.blobs import has_blob, open_blob, read_blob
from skerry.store.layers import get_layer, open_layer_tar
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.layout import Target
    from skerry.store.types import LayerRecord

FORMATS = ("docker-archive", "oci-archive", "oci-dir", "docker-dir")
_OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"


def save(
    engine: Engine, names: Sequence[str], target: str | BinaryIO, *, format: str, compress: bool, multi: bool,
    advance: Callable[[int], object] | None = None,
) -> None:  # fmt: skip
    """See `Images.save`. A file that could not be finished is removed."""
    if format not in FORMATS:
        raise Invalid(f'unknown format "{format}"')
    chosen = select(engine, names, multi)
    if len(chosen) > 1 and format not in ("docker-archive", "oci-archive"):
        raise Invalid(f"saving several images is not supported for format {format}")
    if format.endswith("-dir"):
        if not isinstance(target, str):
            raise Invalid(f"--format {format} needs a folder (--output)")
        _write(engine, chosen, FolderTarget(target), format, compress)
        return
    if not isinstance(target, str):
        _write(engine, chosen, TarTarget(target, advance), format, compress)
        return
    step("image.save")
    try:
        with open(target, "wb") as file:
            _write(engine, chosen, TarTarget(file, advance), format, compress)
    except BaseException as error:
        if os.path.isfile(target):
            os.unlink(target)
        if isinstance(error, OSError):
            raise write_error(error) from None
        raise


def select(engine: Engine, names: Sequence[str], multi: bool) -> list[tuple[ImageRecord, list[str]]]:
    """Images with the names that they are saved under. Without ``multi``, all names are one image's."""
    found: dict[str, tuple[ImageRecord, list[str]]] = {}
    for name in names:
        record = resolve(engine, name)
        _record, tags = found.setdefault(record["id"], (record, []))
        by_id = HEX.issuperset(name.removeprefix("sha256:")) and record["id"].startswith(name.removeprefix("sha256:"))
        if record["names"] and not by_id and record["names"][0] not in tags:
            tags.append(record["names"][0])
    if len(found) > 1 and not multi:
        first = next(iter(found.values()))[0]
        raise Invalid(
            f"additional tag {names[1]} is not a name of {first['id'][:12]}", hint="--multi-image-archive saves several"
        )
    return list(found.values())


def _write(
    engine: Engine, chosen: list[tuple[ImageRecord, list[str]]], target: Target, format: str, compress: bool
) -> None:
    if format == "docker-archive":
        _docker_archive(engine, chosen, target)
    elif format == "docker-dir":
        manifest = _exported(engine, chosen[0][0], target, "", compress)
        add_bytes(target, "version", b"Directory Transport Version: 1.1\n")
        add_bytes(target, "manifest.json", manifest[0])
    else:
        _oci(engine, chosen, target, compress)
    target.close()


def _layers(engine: Engine, image: ImageRecord) -> list[LayerRecord]:
    found = [get_layer(engine.store, chain_id) for chain_id in image["layers"]]
    if None in found:
        raise Invalid(f"image {image['id'][:12]} was removed meanwhile")
    return [layer for layer in found if layer is not None]


# docker-archive: Podman's layout, with the one of Docker before 1.10 in links


def _docker_archive(engine: Engine, chosen: list[tuple[ImageRecord, list[str]]], target: Target) -> None:
    entries: list[dict[str, Any]] = []
    repositories: dict[str, dict[str, str]] = {}
    for image, names in chosen:
        files = []
        for layer in _layers(engine, image):
            name = layer["diff_id"][7:] + ".tar"
            files.append(name)
            with open_layer_tar(engine.store, layer["chain_id"]) as stream:
                target.add(name, stream, layer["size"])
        config = read_blob(engine.store, f"sha256:{image['id']}")
        add_bytes(target, f"{image['id']}.json", config)
        legacy = _legacy(target, files, config, image)
        for name in names:
            if legacy and "@" not in name:
                repositories.setdefault(repository_of(name), {})[tag_of(name)] = legacy
        entries.append(
            {"Config": f"{image['id']}.json", "RepoTags": [name for name in names if "@" not in name], "Layers": files}
        )
    add_bytes(target, "manifest.json", fastjson.dumps(entries).encode())
    add_bytes(target, "repositories", fastjson.dumps(repositories).encode())


def _legacy(target: Target, files: list[str], config: bytes, image: ImageRecord) -> str:
    """Folders as Docker wrote them before there were manifests; the name of the top one."""
    parent = ""
    for position, name in enumerate(files):
        document: dict[str, Any] = {"created": "1970-01-01T00:00:00Z", "layer_id": name[:-4]}
        if position == len(files) - 1:
            document = fastjson.loads(config)
            document.pop("history", None)
            document.pop("rootfs", None)
        if parent:
            document["parent"] = parent
        folder = digest_of(f"{parent}/{name}/{image['id'] if position == len(files) - 1 else ''}".encode())[7:]
        document["id"] = folder
        target.link(f"{folder}/layer.tar", f"../{name}")
        add_bytes(target, f"{folder}/VERSION", b"1.0")
        add_bytes(target, f"{folder}/json", fastjson.dumps(document, sort_keys=True).encode())
        parent = folder
    return parent


# OCI layout


def _oci(engine: Engine, chosen: list[tuple[ImageRecord, list[str]]], target: Target, compress: bool) -> None:
    add_bytes(target, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
    descriptors: list[dict[str, Any]] = []
    for image, names in chosen:
        manifest, media_type = _exported(engine, image, target, "blobs/sha256/", compress)
        digest = digest_of(manifest)
        add_bytes(target, "blobs/sha256/" + digest[7:], manifest)
        base = {"mediaType": media_type, "digest": digest, "size": len(manifest)}
        for name in names or [""]:
            annotations = {"annotations": {"org.opencontainers.image.ref.name": name}} if name else {}
            descriptors.append({**base, **annotations})
    add_bytes(target, "index.json", fastjson.dumps({"schemaVersion": 2, "manifests": descriptors}).encode())


def _exported(engine: Engine, image: ImageRecord, target: Target, prefix: str, compress: bool) -> tuple[bytes, str]:
    """Write config and layers; the manifest and its type. Exact bytes where they are at hand."""
    store = engine.store
    manifest = read_blob(store, image["digest"])
    config = read_blob(store, f"sha256:{image['id']}")
    add_bytes(target, prefix + image["id"], config)
    layers = _layers(engine, image)
    digests = [entry.get("digest") for entry in fastjson.loads(manifest).get("layers") or ()]
    if not compress and _as_stored(engine, layers, digests):
        for layer, digest in zip(layers, digests, strict=True):
            _add_layer(engine, target, prefix, layer, digest)
        return manifest, image["media_type"]
    descriptors = [_add_compressed(engine, target, prefix, layer) for layer in layers]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": digest_of(config), "size": len(config)},
        "layers": descriptors,
    }
    return fastjson.dumps(document).encode(), OCI_MANIFEST


def _as_stored(engine: Engine, layers: list[LayerRecord], digests: list[Any]) -> bool:
    """Whether every blob that the manifest names can be given exactly."""
    return len(layers) == len(digests) and all(
        digest == layer["diff_id"] or (is_digest(str(digest)) and has_blob(engine.store, digest))
        for layer, digest in zip(layers, digests, strict=True)
    )


def _add_layer(engine: Engine, target: Target, prefix: str, layer: LayerRecord, digest: str) -> None:
    if digest == layer["diff_id"]:
        with open_layer_tar(engine.store, layer["chain_id"]) as stream:
            target.add(prefix + digest[7:], stream, layer["size"])
        return
    with open_blob(engine.store, digest) as stream:
        target.add(prefix + digest[7:], stream, os.fstat(stream.fileno()).st_size)


def _add_compressed(engine: Engine, target: Target, prefix: str, layer: LayerRecord) -> dict[str, Any]:
    if layer["blob"] and has_blob(engine.store, layer["blob"]):
        _add_layer(engine, target, prefix, layer, layer["blob"])
        media_type = layer["blob_media_type"] or _OCI_LAYER + "+gzip"
        return {"mediaType": media_type, "digest": layer["blob"], "size": layer["blob_size"]}
    with engine.store.staging() as staging:
        path = staging.path + "/layer.gz"
        digest, size = _gzip(engine, layer, path)
        with open(path, "rb") as stream:
            target.add(prefix + digest[7:], stream, size)
    return {"mediaType": _OCI_LAYER + "+gzip", "digest": digest, "size": size}


def _gzip(engine: Engine, layer: LayerRecord, path: str) -> tuple[str, int]:
    from _hashlib import openssl_sha256

    from isal import isal_zlib

    # wbits 31: a gzip header without name and time, so that the same layer gives the same digest.
    packer = isal_zlib.compressobj(2, isal_zlib.DEFLATED, 31)
    hasher, size = openssl_sha256(), 0
    try:
        with open(path, "wb") as file, open_layer_tar(engine.store, layer["chain_id"]) as stream:
            while chunk := stream.read(1 << 20):
                data = packer.compress(chunk)
                hasher.update(data)
                size += file.write(data)
            data = packer.flush()
            hasher.update(data)
            size += file.write(data)
    except OSError as error:
        raise write_error(error) from None
    return "sha256:" + hasher.hexdigest(), size
