"""Adding a layer: unpacked into staging, verified, synced, renamed into place, recorded. In that order."""

from __future__ import annotations

import _hashlib
import errno
import os

from skerry import fastjson
from skerry.errors import NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder, syncfs
from skerry.store.blobs import blob_path
from skerry.store.early_sync import EarlySync
from skerry.store.layer_stage import Expected, unpack
from skerry.store.layers import get_layer, layer_dir, layer_folder
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, TypeVar

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

    T = TypeVar("T")


def chain_id(parent: str | None, diff_id: str) -> str:
    """The image specification's ChainID."""
    if parent is None:
        return diff_id
    return "sha256:" + _hashlib.openssl_sha256(f"{parent} {diff_id}".encode()).hexdigest()


def add(
    store: Store,
    parent: str | None,
    stream: BinaryIO,
    *,
    diff_id: str | None,
    blob: str | None,
    blob_size: int | None,
    max_bytes: int,
) -> LayerRecord:
    """See `skerry.store.layers.add_layer`."""
    if parent is not None and get_layer(store, parent) is None:
        raise NotFound(f"layer {parent} does not exist")
    expected = Expected(diff_id, blob, blob_size, max_bytes)
    try:
        if diff_id is None:
            record: LayerRecord = _unpack(store, parent, stream, expected)
            return record
        top = chain_id(parent, diff_id)
        with store.lock("layer", top):  # a second process waits and then finds it done
            return existing(store, top) or _unpack(store, parent, stream, expected, locked=True)
    except OSError as error:
        raise translated(error, "cannot add the layer") from error


def add_then(store: Store, parent: str | None, stream: BinaryIO, then: Callable[[LayerRecord], T]) -> T:
    """Add a layer that is read once, from a pipe, and call ``then`` while nobody can remove it: its lock is held.

    ``then`` must take no lock that somebody can hold who waits for a layer's: that of a new image is none."""
    try:
        result: T = _unpack(store, parent, stream, Expected(None, None, None, 0), then=then)
        return result
    except OSError as error:
        raise translated(error, "cannot add the layer") from error


def _unpack(
    store: Store,
    parent: str | None,
    stream: BinaryIO,
    expected: Expected,
    *,
    locked: bool = False,
    then: Callable[[LayerRecord], Any] = lambda record: record,
) -> Any:
    with store.staging() as staging:
        folder = staging.path + "/layer"
        with open(staging.path + "/blob", "wb", buffering=0) as keep, EarlySync(staging.path):
            record = unpack(folder, stream, expected, keep=keep, rootless=store.rootless)
        record["parent"], record["chain_id"] = parent, chain_id(parent, record["diff_id"])
        staged_blob = staging.path + "/blob" if record["blob"] else None
        if locked:
            return commit(store, record, folder, staged_blob)
        with store.lock("layer", record["chain_id"]):
            return then(existing(store, record["chain_id"]) or commit(store, record, folder, staged_blob))


def existing(store: Store, top: str) -> LayerRecord | None:
    """The record of a layer whose files are there. Files without a row, and a row without files, are removed."""
    record = get_layer(store, top)
    if record is not None and os.path.isdir(layer_dir(store, top)):
        return record
    remove_tree(layer_folder(store, top))
    return None


def commit(store: Store, record: LayerRecord, folder: str, blob: str | None) -> LayerRecord:
    """Make a finished ``folder`` the layer ``record`` (whose lock is held), durably; ``blob`` moves to the blobs."""
    target = layer_folder(store, record["chain_id"])
    step("layer.sync")
    syncfs(folder)
    if record["blob"] is None:
        _record(store, record, folder, target)
        return record
    with store.lock("blob", record["blob"]):  # nobody finds it unused until the row says otherwise
        if blob is not None and not os.path.exists(blob_path(store, record["blob"])):
            step("layer.blob")
            os.chmod(blob, 0o600)
            os.rename(blob, blob_path(store, record["blob"]))
            fsync_folder(store.path("blobs/sha256"))
        _record(store, record, folder, target)
    return record


def _record(store: Store, record: LayerRecord, folder: str, target: str) -> None:
    step("layer.rename")
    os.rename(folder, target)
    fsync_folder(os.path.dirname(target))
    step("layer.record")
    try:
        with store.db.write(durable=True) as db:
            parent = record["parent"]
            if parent is not None and not db.query("SELECT 1 FROM layers WHERE chain_id=?", parent):
                raise NotFound(f"layer {parent} was removed meanwhile")
            db.execute(
                "INSERT OR REPLACE INTO main.layers (chain_id, parent, diff_id, blob, doc) VALUES (?, ?, ?, ?, ?)",
                record["chain_id"], parent, record["diff_id"], record["blob"], fastjson.dumps(record),
            )  # fmt: skip
    except BaseException:
        remove_tree(target)
        raise


def replace_files(store: Store, record: LayerRecord, folder: str, blob: str) -> None:
    """A finished ``folder`` instead of the files of the layer ``record`` (whose lock is held), and ``blob`` instead of
    its blob, if it has one. Cut in between, it is a layer without files, as a check finds and mends it."""
    target = layer_folder(store, record["chain_id"])
    syncfs(folder)
    if record["blob"]:
        with store.lock("blob", record["blob"]):
            os.chmod(blob, 0o600)
            os.rename(blob, blob_path(store, record["blob"]))
            fsync_folder(store.path("blobs/sha256"))
    step("layer.replace")
    remove_tree(target)
    os.rename(folder, target)
    fsync_folder(os.path.dirname(target))


def translated(error: OSError, what: str) -> SkerryError:
    """``error`` as one of ours; ``what`` failed."""
    where = f": {error.filename}" if error.filename else ""
    text = f"{what}: {os.strerror(error.errno or 0) if error.errno else error}{where}"
    return OutOfSpace(text) if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable(text)
