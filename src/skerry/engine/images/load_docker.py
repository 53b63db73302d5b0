"""Images of docker-archives: manifest.json lists them, each with a config and the files of its layers."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import DOCKER_MANIFEST, add_image, diff_ids_of, digest_of, parse_config
from skerry.engine.images.load_layers import Layers, with_layers
from skerry.errors import Corrupt
from skerry.image.archive import read_member

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Report
    from skerry.engine.images.types import ImageRecord
    from skerry.image.archive import Members
    from skerry.store.types import LayerRecord

_CONFIG = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


class Entry:
    """One image of the list: its config's member, its layers' members, and the names it was saved under."""

    __slots__ = ("config", "layers", "tags")

    def __init__(self, config: str, layers: list[str], tags: list[str]) -> None:
        self.config = config
        self.layers = layers
        self.tags = tags


def entries_of(document: Any) -> list[Entry]:
    """The images that a parsed manifest.json lists."""
    if not isinstance(document, list) or not document:
        raise Corrupt("manifest.json names no images")
    entries = []
    for item in document:
        if not isinstance(item, dict) or not isinstance(item.get("Config"), str):
            raise Corrupt("manifest.json is no list of images")
        layers, tags = _strings(item.get("Layers"), "Layers"), _strings(item.get("RepoTags"), "RepoTags")
        entries.append(Entry(item["Config"], layers, tags))
    return entries


def load_entry(
    engine: Engine, members: Members, entry: Entry, names: list[str], report: Report | None = None
) -> ImageRecord:
    """Load one image, under ``names`` (full)."""
    config = read_member(members, entry.config)
    diff_ids = diff_ids_of(parse_config(config))
    if len(entry.layers) != len(diff_ids):
        raise Corrupt(f"the image's config has {len(diff_ids)} layers, manifest.json {len(entry.layers)}")

    def add(layers: Layers) -> ImageRecord:
        for name, diff_id in zip(entry.layers, diff_ids, strict=True):
            layers.add(members, name, diff_id)
        manifest = docker_manifest(config, layers.records)
        return add_image(engine, config, manifest, DOCKER_MANIFEST, layers.ids, names)

    return with_layers(engine, add, report)


def docker_manifest(config: bytes, layers: list[LayerRecord]) -> bytes:
    """The manifest that Podman makes for such an image, byte by byte, so that the digests are the same."""
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": _CONFIG, "size": len(config), "digest": digest_of(config)},
        "layers": [{"mediaType": _LAYER, "size": layer["size"], "digest": layer["diff_id"]} for layer in layers],
    }
    return fastjson.dumps(document).encode()


def _strings(value: Any, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"{what} is no list of strings")
    return value
