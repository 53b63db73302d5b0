"""Making a finished upper folder a layer: hashed as the tar it would be, and moved, never copied."""

from __future__ import annotations

import os
import time
from _hashlib import openssl_sha256

from skerry.errors import Corrupt, NotFound
from skerry.linux.content import nothing
from skerry.store.archive.names import quoted
from skerry.store.archive.pack import Packer
from skerry.store.archive.recipe import RecipeWriter
from skerry.store.hashing import BlockHashing
from skerry.store.layer_add import chain_id, commit, existing, translated
from skerry.store.layers import get_layer
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord


def add_tree(
    store: Store, parent: str | None, path: str, *, latest_s: int | None = None, between: Callable[[], None] = nothing
) -> LayerRecord:
    """See `skerry.store.layers.add_layer_from_tree`. ``path`` is gone afterwards, also when the layer existed;
    after an error before that it is untouched. ``between`` is called every MiB, and may raise."""
    if parent is not None and get_layer(store, parent) is None:
        raise NotFound(f"layer {parent} does not exist")
    try:
        with store.staging() as staging:
            folder = staging.path + "/layer"
            os.mkdir(folder, 0o700)
            step("layer.hash")
            diff_id, size = _hash(path, folder + "/recipe.zst", latest_s, between)
            record: LayerRecord = {
                "chain_id": chain_id(parent, diff_id),
                "parent": parent,
                "diff_id": diff_id,
                "size": size,
                "blob": None,
                "blob_size": None,
                "blob_media_type": "application/vnd.oci.image.layer.v1.tar",
                "created_ns": time.time_ns(),
            }
            with store.lock("layer", record["chain_id"]):
                if known := existing(store, record["chain_id"]):
                    remove_tree(path)
                    return known
                step("layer.move-tree")
                os.rename(path, folder + "/diff")
                return commit(store, record, folder, None)
    except OSError as error:
        raise translated(error, "cannot make a layer") from error


def _hash(path: str, recipe_path: str, latest_s: int | None, between: Callable[[], None]) -> tuple[str, int]:
    hasher = openssl_sha256()
    recipe = RecipeWriter(recipe_path)
    size = 0

    def header(data: bytes) -> None:
        nonlocal size
        hashing.add(data)
        recipe.keep(data)
        size += len(data)

    def data(fd: int, name: bytes, length: int) -> None:
        nonlocal size
        recipe.file(name, 0, length)
        if hashing.read(fd, length) != length:
            raise Corrupt(f"{quoted(name)} became shorter while it was read")
        size += length

    try:
        with BlockHashing(hasher, between=between) as hashing:
            Packer(path, header, data, latest_s=latest_s).run()
        recipe.close()
    finally:
        recipe.abandon()
    return "sha256:" + hasher.hexdigest(), size
