"""Adding a layer: unpacked into staging, verified, synced, renamed into place, recorded. In that order."""

from __future__ import annotations

import _hashlib
import errno
import os
import threading
import time

from skerry import fastjson
from skerry.errors import Corrupt, NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder, syncfs
from skerry.store.archive.budget import Budget
from skerry.store.archive.extract import Extractor
from skerry.store.archive.pipeline import Pipeline
from skerry.store.archive.reader import entries
from skerry.store.archive.recipe import RecipeWriter
from skerry.store.archive.source import Source
from skerry.store.blobs import blob_path, has_blob
from skerry.store.early_sync import EarlySync
from skerry.store.layers import get_layer, layer_folder
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

_MEDIA = {
    "": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}


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
    expected = _Expected(diff_id, blob, blob_size, max_bytes)
    try:
        if diff_id is None:
            return _unpack(store, parent, stream, expected)
        top = chain_id(parent, diff_id)
        with store.lock("layer", top):  # a second process waits and then finds it done
            return existing(store, top) or _unpack(store, parent, stream, expected, locked=True)
    except OSError as error:
        raise translated(error, "cannot add the layer") from error


class _Expected:
    """What the caller knows about the layer."""

    __slots__ = ("blob", "blob_size", "diff_id", "max_bytes")

    def __init__(self, diff_id: str | None, blob: str | None, blob_size: int | None, max_bytes: int) -> None:
        self.diff_id = diff_id
        self.blob = blob
        self.blob_size = blob_size
        self.max_bytes = max_bytes

    def verify(self, pipeline: Pipeline, blob: str, diff_id: str) -> None:
        """`Corrupt` when the bytes are not what was promised."""
        if self.blob_size is not None and pipeline.raw_size != self.blob_size:
            raise Corrupt(f"the layer has {pipeline.raw_size} bytes, not {self.blob_size}")
        if self.blob is not None and blob != self.blob:
            raise Corrupt(f"the layer's digest is {blob}, not {self.blob}")
        if self.diff_id is not None and diff_id != self.diff_id:
            raise Corrupt(f"the layer's content has the digest {diff_id}, not {self.diff_id}")


def _unpack(
    store: Store, parent: str | None, stream: BinaryIO, expected: _Expected, *, locked: bool = False
) -> LayerRecord:
    with store.staging() as staging:
        step("layer.unpack")
        folder = staging.path + "/layer"
        os.mkdir(folder, 0o700)
        with (
            open(staging.path + "/blob", "wb", buffering=0) as keep,
            EarlySync(folder),
            Pipeline(stream, keep=keep) as pipeline,
        ):
            extract(pipeline, folder, max_bytes=expected.max_bytes, rootless=store.rootless)
            blob, diff_id = pipeline.finish()
        expected.verify(pipeline, blob, diff_id)
        record: LayerRecord = {
            "chain_id": chain_id(parent, diff_id),
            "parent": parent,
            "diff_id": diff_id,
            "size": pipeline.size,
            "blob": blob if pipeline.encoding else None,
            "blob_size": pipeline.raw_size if pipeline.encoding else None,
            "blob_media_type": _MEDIA[pipeline.encoding],
            "created_ns": time.time_ns(),
        }
        staged_blob = staging.path + "/blob" if pipeline.encoding else None
        if locked:
            return commit(store, record, folder, staged_blob)
        with store.lock("layer", record["chain_id"]):
            return existing(store, record["chain_id"]) or commit(store, record, folder, staged_blob)


def extract(pipeline: Pipeline, folder: str, *, max_bytes: int, rootless: bool) -> None:
    """Unpack what ``pipeline`` gives into ``folder``/diff and write the recipe beside it."""
    diff = folder + "/diff"
    os.mkdir(diff, 0o755)
    os.chmod(diff, 0o755)
    source = Source(pipeline.next_chunk)
    recipe = RecipeWriter(folder + "/recipe.zst")
    budget = Budget(folder, max_bytes)
    try:
        with _Umask(), Extractor(diff, source, recipe, budget, kept=folder + "/kept", rootless=rootless) as extractor:
            for entry in entries(source, recipe.keep):
                extractor.add(entry)
            extractor.finish()
        recipe.close()
    finally:
        recipe.abandon()


class _Umask:
    """Umask 0 while layers are unpacked, in however many threads: the umask is the process's."""

    _lock = threading.Lock()
    _users = 0
    _before = 0

    def __enter__(self) -> None:
        with _Umask._lock:
            if not _Umask._users:
                _Umask._before = os.umask(0)
            _Umask._users += 1

    def __exit__(self, *_: object) -> None:
        with _Umask._lock:
            _Umask._users -= 1
            if not _Umask._users:
                os.umask(_Umask._before)


def existing(store: Store, top: str) -> LayerRecord | None:
    """The record of a layer whose files are there. Files without a row, and a row without files, are removed."""
    record = get_layer(store, top)
    folder = layer_folder(store, top)
    if record is not None and os.path.isdir(folder + "/diff"):
        return record
    remove_tree(folder)
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
        if blob is not None and not has_blob(store, record["blob"]):
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
                "INSERT OR REPLACE INTO layers (chain_id, parent, diff_id, blob, doc) VALUES (?, ?, ?, ?, ?)",
                record["chain_id"], parent, record["diff_id"], record["blob"], fastjson.dumps(record),
            )  # fmt: skip
    except BaseException:
        remove_tree(target)
        raise


def translated(error: OSError, what: str) -> SkerryError:
    """``error`` as one of ours; ``what`` failed."""
    where = f": {error.filename}" if error.filename else ""
    text = f"{what}: {os.strerror(error.errno or 0) if error.errno else error}{where}"
    return OutOfSpace(text) if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable(text)
