"""Layers: unpacked trees that overlays are made of. What everyday commands need; the rest is loaded when used.

root/layers/HEX/ (0700: set-user-id programs and devices in images are nobody's business on the host)
    diff/        the tree, whiteouts in overlayfs's form
    recipe.zst   how to rebuild the layer's tar exactly from diff/
    kept/        data of entries that the same tar replaced later (rare)
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Corrupt, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord


def layer_folder(store: Store, chain_id: str) -> str:
    """Where this store has all of a layer, or would have it."""
    return store.path("layers", chain_id.removeprefix("sha256:"))


def layer_place(store: Store, chain_id: str) -> str:
    """Where all of a layer can be read: in this store, or in an additional one."""
    own = layer_folder(store, chain_id)
    if store.elsewhere is None or os.path.isdir(own):
        return own
    return store.elsewhere.layers.get(chain_id, own)


def layer_dir(store: Store, chain_id: str) -> str:
    """The layer's tree."""
    return layer_place(store, chain_id) + "/diff"


def get_layer(store: Store, chain_id: str) -> LayerRecord | None:
    """The layer's record, or None."""
    return _record(store.db.query("SELECT doc FROM layers WHERE chain_id=?", chain_id))


def own_layer(store: Store, chain_id: str) -> LayerRecord | None:
    """The record of a layer that is this store's own: what may be changed and removed."""
    return _record(store.db.query("SELECT doc FROM main.layers WHERE chain_id=?", chain_id))


def _record(rows: list[tuple[Any, ...]]) -> LayerRecord | None:
    if not rows:
        return None
    record: LayerRecord = fastjson.loads(rows[0][0])
    return record


def chain(store: Store, top: str | None) -> list[str]:
    """The chain ids from the base to ``top``; empty for None. `NotFound` for an unknown one."""
    result: list[str] = []
    while top:
        record = get_layer(store, top)
        if record is None:
            raise NotFound(f"layer {top} does not exist")
        result.append(top)
        top = record["parent"]
        if len(result) > 1000:
            raise Corrupt(f"layer {result[0]} has no end of parents")
    result.reverse()
    return result


def add_layer(
    store: Store,
    parent: str | None,
    stream: BinaryIO,
    *,
    diff_id: str | None = None,
    blob: str | None = None,
    blob_size: int | None = None,
    max_bytes: int = 0,
) -> LayerRecord:
    """Unpack a tar (plain, gzip or zstd) as a layer above ``parent``; durable when it returns. Idempotent.

    ``diff_id`` and ``blob`` (digests of the uncompressed and of the given bytes) and ``blob_size`` are verified:
    `Corrupt`. With a ``diff_id`` that is there already the stream is not read. Compressed bytes are kept as a blob.
    ``max_bytes`` bounds the uncompressed size (0: what the disk has). Killed anywhere: the layer is whole, or swept.
    """
    from skerry.store.layer_add import add

    return add(store, parent, stream, diff_id=diff_id, blob=blob, blob_size=blob_size, max_bytes=max_bytes)


def add_layer_from_tree(store: Store, parent: str | None, path: str) -> LayerRecord:
    """Make the finished upper folder ``path`` (on the store's file system, not mounted) a layer: it is moved."""
    from skerry.store.layer_tree import add_tree

    return add_tree(store, parent, path)


def open_layer_tar(store: Store, chain_id: str) -> BinaryIO:
    """The layer's uncompressed tar, exactly the bytes that were added. `Corrupt` from the last read if they differ."""
    from skerry.store.layer_tar import open_tar

    return open_tar(store, chain_id)


def remove_layer(store: Store, chain_id: str) -> None:
    """Remove a layer, with its blob if no other layer uses it. `InUse` when a layer or an image is based on it;
    unknown is fine. Works with no byte free on the disk."""
    from skerry.store.layer_remove import remove

    remove(store, chain_id)
