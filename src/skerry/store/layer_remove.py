"""Removing layers, on a full disk too."""

from __future__ import annotations

import os

from skerry.errors import InUse, OutOfSpace
from skerry.store.blobs import remove_blob
from skerry.store.layer_add import translated
from skerry.store.layers import layer_folder, own_layer
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.database import Database
    from skerry.store.store import Store


def remove(store: Store, chain_id: str) -> None:
    """See `skerry.store.layers.remove_layer`. The row goes first: a crash then leaves only garbage."""
    try:
        with store.lock("layer", chain_id, fleeting=True):
            record = own_layer(store, chain_id)
            if record is None:
                return
            blob = record["blob"]
            if blob is None:
                _remove_locked(store, chain_id)
                return
            with store.lock("blob", blob, fleeting=True):
                _remove_locked(store, chain_id)
                if not store.db.query("SELECT 1 FROM main.layers WHERE blob=? LIMIT 1", blob):
                    step("layer.remove-blob")
                    remove_blob(store, blob)
    except OSError as error:
        raise translated(error, "cannot remove the layer") from error


def _remove_locked(store: Store, chain_id: str) -> None:
    try:
        step("layer.forget")
        forget(store, chain_id)
    except OutOfSpace:
        # Not a byte for the database: make room with the layer's own files, while its row cannot be used by
        # anybody. Cut in between, it is a row without files, which adding and `check` know how to treat.
        with store.db.write(durable=False):
            _refuse_if_used(store, chain_id)
            remove_tree(layer_folder(store, chain_id))
        forget(store, chain_id)
        return
    discard(store, layer_folder(store, chain_id))


def forget(store: Store, chain_id: str) -> None:
    """Delete the row of a layer (whose lock is held); `InUse` when something is based on it."""

    def delete(db: Database) -> None:
        _refuse_if_used(store, chain_id)
        db.execute("DELETE FROM main.layers WHERE chain_id=?", chain_id)

    store.db.free(delete, durable=True)


def _refuse_if_used(store: Store, chain_id: str) -> None:
    for what, sql in (
        ("layer", "SELECT chain_id FROM main.layers WHERE parent=? LIMIT 1"),
        ("image", "SELECT id FROM main.images WHERE top_layer=? LIMIT 1"),
        ("build step", "SELECT key FROM build_steps WHERE layer=? LIMIT 1"),
    ):
        if rows := store.db.query(sql, chain_id):
            raise InUse(f"layer {chain_id} is used by {what} {rows[0][0]}")
    if os.path.exists(store.path("pins")):
        from skerry.store.pins import pinned

        if chain_id in pinned(store):
            raise InUse(f"layer {chain_id} is used by a build that runs")


def discard(store: Store, folder: str) -> None:
    """Remove a tree by way of staging: cut short, the rest is swept. Needs no free block (no folder is made)."""
    staged = store.path("staging", os.urandom(8).hex())
    lock = store.fleeting_lock(staged + ".lock")
    try:
        step("layer.discard")
        os.rename(folder, staged)
        remove_tree(staged)
    except FileNotFoundError:
        pass  # there were no files
    finally:
        lock.release(remove=not os.path.lexists(staged))
