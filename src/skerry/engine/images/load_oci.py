"""Images by their manifests: in OCI layouts (archives and folders), and in docker-dirs."""

from __future__ import annotations

from skerry.engine.images.add import OCI_MANIFEST, add_image, diff_ids_of, parse_config
from skerry.engine.images.load_layers import Layers, check_descriptor, parse_json, read_blob_of, with_layers
from skerry.errors import Corrupt, NotFound
from skerry.image.archive import read_member
from skerry.image.registry import platforms
from skerry.image.registry.documents import Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Report
    from skerry.engine.images.types import ImageRecord
    from skerry.image.archive import Members
    from skerry.image.registry.platforms import Platform

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")


def images_of_layout(members: Members, platform: Platform | None = None) -> list[tuple[dict[str, Any], str]]:
    """Descriptors of the manifests that index.json leads to, each with its name (or ""); through an index to the image
    for ``platform`` (`NotFound`), or for this machine, or the first."""
    found = list(_images_of(members, parse_json(read_member(members, "index.json"), "index.json"), platform, 0))
    if not found:
        raise Corrupt("index.json names no images")
    return found


def blob_name(digest: str) -> str:
    """The member of a layout that has a blob."""
    return "blobs/sha256/" + digest[7:]


def _images_of(
    members: Members, index: Any, platform: Platform | None, depth: int
) -> Iterator[tuple[dict[str, Any], str]]:
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(manifests, list) or len(manifests) > 1000 or depth > 4:
        raise Corrupt("an index in the archive is malformed")
    for descriptor in manifests:
        check_descriptor(descriptor)
        name = _name_of(descriptor)
        if descriptor.get("mediaType") in _INDEXES:
            nested = parse_json(read_blob_of(members, blob_name, descriptor), "an index")
            chosen = list(_images_of(members, _for_platform(nested, platform), platform, depth + 1))
            yield from ((inner, name or inner_name) for inner, inner_name in chosen[:1])
        else:
            yield descriptor, name


def _for_platform(index: Any, platform: Platform | None) -> Any:
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(manifests, list):
        return index  # which is refused
    for descriptor in manifests:
        check_descriptor(descriptor)
    known = [Descriptor("", item["digest"], item["size"], item.get("platform")) for item in manifests]
    try:
        chosen = platforms.choose(known, platform or platforms.host())
    except NotFound:
        if platform is not None:
            raise
        return index
    return {"manifests": [item for item in manifests if item["digest"] == chosen.digest][:1]}


def _name_of(descriptor: dict[str, Any]) -> str:
    annotations = descriptor.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise Corrupt("annotations in the archive's index are malformed")
    for key in ("io.containerd.image.name", "org.opencontainers.image.ref.name"):
        if isinstance(annotations.get(key), str) and annotations[key]:
            return str(annotations[key])
    return ""


def load_descriptor(
    engine: Engine, members: Members, descriptor: dict[str, Any], names: list[str], report: Report | None = None
) -> ImageRecord:
    """Load the image of a layout whose manifest ``descriptor`` describes, under ``names`` (full)."""
    manifest = read_blob_of(members, blob_name, descriptor)
    document = parse_json(manifest, "a manifest")
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise Corrupt("a manifest in the archive is malformed")
    media_type = document.get("mediaType") or descriptor.get("mediaType") or OCI_MANIFEST
    return _add_manifest(engine, members, blob_name, manifest, str(media_type), names, report)


def load_folder(
    engine: Engine, members: Members, document: dict[str, Any], report: Report | None = None
) -> ImageRecord:  # fmt: skip
    """Load the one image of a docker-dir: blobs lie by their digests' digits beside manifest.json (``document``). Of a
    list of manifests it is the one for this machine: its manifest is a file beside."""
    manifest = read_member(members, "manifest.json")
    if "manifests" in document:
        (descriptor, *_) = _for_platform(document, None).get("manifests") or [{}]
        manifest = read_blob_of(members, lambda digest: digest[7:] + ".manifest.json", descriptor)
        document = parse_json(manifest, "a manifest")
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise Corrupt("manifest.json is malformed")
    media_type = str(document.get("mediaType") or OCI_MANIFEST)
    return _add_manifest(engine, members, lambda digest: digest[7:], manifest, media_type, [], report)


def _add_manifest(
    engine: Engine, members: Members, name: Callable[[str], str], manifest: bytes, media_type: str, names: list[str],
    report: Report | None,
) -> ImageRecord:  # fmt: skip
    document = parse_json(manifest, "a manifest")
    config = read_blob_of(members, name, document.get("config"))
    diff_ids = diff_ids_of(parse_config(config))
    if len(document["layers"]) != len(diff_ids):
        raise Corrupt(f"the image's config has {len(diff_ids)} layers, its manifest {len(document['layers'])}")

    def add(layers: Layers) -> ImageRecord:
        for descriptor, diff_id in zip(document["layers"], diff_ids, strict=True):
            check_descriptor(descriptor)
            blob = descriptor["digest"]
            layers.add(members, name(blob), diff_id, blob=blob, size=descriptor["size"])
        return add_image(engine, config, manifest, media_type, layers.ids, names)

    return with_layers(engine, add, report)
