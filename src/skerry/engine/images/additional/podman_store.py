"""A store as Podman, Buildah and CRI-O have it: containers/storage with its overlay driver.

overlay-images/images.json   id, names, top layer; each image's documents in overlay-images/ID/
overlay-layers/layers.json   id, parent, digests; how to rebuild each one's tar in overlay-layers/ID.tar-split.gz
overlay/ID/diff              the layers' trees, whiteouts in overlayfs's form
Both lists are replaced as a whole by whoever changes the store, so they are read without a lock; what the one names and
the other has not is left out.
"""

from __future__ import annotations

import base64
import os

from skerry import fastjson
from skerry.engine.images.add import parse_time
from skerry.engine.images.additional.found import Found, FoundLayer, is_folder, is_hex, read_file
from skerry.errors import Corrupt, SkerryError
from skerry.image.reference import is_digest
from skerry.store.layer_add import chain_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

IMAGES, LAYERS = "overlay-images/images.json", "overlay-layers/layers.json"
_LIST = 256 << 20
_DEEPEST = 1000
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def read(path: str) -> Found:
    """The images of the store at ``path``. `Corrupt` when its lists are none."""
    found = Found(path)
    images = _list(f"{path}/{IMAGES}")
    if not images:
        return found
    layers = {layer["id"]: layer for layer in _list(f"{path}/{LAYERS}") if is_hex(layer.get("id"))}
    for image in images:
        if image.get("layer") or image.get("big-data-names"):
            try:
                _add(found, image, layers)
            except SkerryError as error:
                found.skipped.append(f"image {str(image.get('id'))[:12]}: {error.message}")
    return found


def _list(path: str) -> list[dict[str, Any]]:
    if not os.path.lexists(path):
        return []
    try:
        items = fastjson.loads(read_file(path, _LIST))
    except SkerryError as error:
        raise Corrupt(f"{path}: {error.message}") from None
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise Corrupt(f"{path}: expected a list of objects")
    return items


def _add(found: Found, image: dict[str, Any], layers: dict[str, dict[str, Any]]) -> None:
    image_id = image.get("id")
    if not isinstance(image_id, str) or not is_hex(image_id):
        raise Corrupt("its id is none")
    folder = f"{found.path}/overlay-images/{image_id}"
    if not image.get("layer") and _is_list(_document(folder, "manifest")):
        return  # its images count by themselves
    chain = _chain(found, image.get("layer") or "", layers)
    config, manifest = _document(folder, f"sha256:{image_id}"), _document(folder, "manifest")
    found.add_image(image_id, config, manifest, chain, _texts(image, "names"), _texts(image, "names-history"))


def _is_list(path: str) -> bool:
    document = fastjson.loads(read_file(path))
    return isinstance(document, dict) and "manifests" in document


def _texts(image: dict[str, Any], key: str) -> list[str]:
    value = image.get(key)
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _document(folder: str, key: str) -> str:
    """The file of an image's datum ``key``: other than plain names are written in base64."""
    name = key if _PLAIN.issuperset(key) else "=" + base64.b64encode(key.encode()).decode()
    return f"{folder}/{name}"


def _chain(found: Found, top: str, layers: dict[str, dict[str, Any]]) -> list[FoundLayer]:
    """The layers from the base to ``top``; they are in ``found`` then. `Corrupt`."""
    ids: list[str] = []
    while top:
        if top not in layers or len(ids) > _DEEPEST:
            raise Corrupt(f"its layer {str(top)[:12]} is not in the store")
        ids.append(top)
        top = layers[top].get("parent") or ""
        if not isinstance(top, str):
            raise Corrupt("a layer's parent is none")
    chain: list[FoundLayer] = []
    for layer_id in reversed(ids):
        layer = _layer(found, layers[layer_id], chain[-1].record["chain_id"] if chain else None)
        chain.append(found.layers.setdefault(layer.record["chain_id"], layer))
    return chain


def _layer(found: Found, layer: dict[str, Any], parent: str | None) -> FoundLayer:
    layer_id, diff_id, size = layer["id"], layer.get("diff-digest"), layer.get("diff-size", 0)
    short = layer_id[:12]
    if not (isinstance(diff_id, str) and is_digest(diff_id) and type(size) is int and size >= 0):
        raise Corrupt(f"the digest of its layer {short} is not known: it was fetched in part")
    if (layer.get("flags") or {}).get("incomplete"):
        raise Corrupt(f"its layer {short} is incomplete")
    if layer.get("uidmap") or layer.get("gidmap"):
        raise Corrupt(f"its layer {short} was written with other ids")
    folder = f"{found.path}/overlay/{layer_id}"
    if not is_folder(folder) or not is_folder(folder + "/diff"):
        raise Corrupt(f"the files of its layer {short} are missing, or another user's")
    if os.path.lexists(folder + "/composefs-data"):
        raise Corrupt(f"its layer {short} is stored by composefs")
    own = chain_id(parent, diff_id)
    return FoundLayer(
        {
            "chain_id": own, "parent": parent, "diff_id": diff_id, "size": size, "blob": None, "blob_size": None,
            "blob_media_type": "application/vnd.oci.image.layer.v1.tar",
            "created_ns": parse_time(layer.get("created")),
        },
        folder,
        f"{found.path}/overlay-layers/{layer_id}.tar-split.gz",
    )  # fmt: skip
