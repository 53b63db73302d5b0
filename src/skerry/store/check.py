"""Looking for what crashes, full disks and meddling left in a store, and mending it.

Other commands may run meanwhile: what they hold locked is theirs and no finding, and what was seen without a lock
is looked at again under it before it is reported.
"""

from __future__ import annotations

import os
from _hashlib import openssl_sha256

from skerry.errors import Corrupt, SkerryError
from skerry.store.blobs import blob_path
from skerry.store.check_tree import added
from skerry.store.layer_blob import forget_blob
from skerry.store.layer_remove import discard
from skerry.store.layer_tar import layer_chunks
from skerry.store.layers import layer_folder, own_layer
from skerry.store.locks import Lock
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skerry.store.locks import Lock as HeldLock
    from skerry.store.store import Store
    from skerry.store.types import Finding, LayerRecord


def check(store: Store, *, repair: bool, full: bool = True) -> list[Finding]:
    """What is wrong with staging, layers and blobs. ``full`` reads all bytes and compares digests.

    ``repair`` removes rubbish, and the rows of layers whose files are gone or altered when nothing is based on
    them. Never changes what a running command holds locked."""
    found: list[Finding] = []
    for step in (_staging, _folders, _rows, _blobs):
        found += step(store, repair, full)
    return found


def _finding(kind: str, name: str, message: str, *, lost: bool = False) -> Finding:
    return {"kind": kind, "name": name, "message": message, "lost": lost, "repaired": False}


def _mend(finding: Finding, repair: bool, action: Callable[[], object]) -> Finding:
    if repair:
        try:
            action()
            finding["repaired"] = True
        except SkerryError as error:
            finding["message"] += f"; not repaired: {error}"
        except OSError as error:
            finding["message"] += f"; not repaired: {error.strerror}"
    return finding


def _staging(store: Store, repair: bool, _full: bool) -> Iterator[Finding]:
    parent = store.path("staging")
    for name in sorted({name.removesuffix(".lock") for name in _names(parent)}):
        path = os.path.join(parent, name)
        lock = _try(path + ".lock")
        if lock is None:
            continue  # its maker lives
        try:
            if os.path.lexists(path):
                finding = _finding("staging", name, "left by a command that was killed")
                yield _mend(finding, repair, lambda path=path: remove_tree(path))  # type: ignore[misc]
        finally:
            lock.release(remove=not os.path.lexists(path))


def _folders(store: Store, repair: bool, _full: bool) -> Iterator[Finding]:
    """Layer folders without a row."""
    for name in _names(store.path("layers")):
        if name.startswith("empty-"):
            continue
        top = "sha256:" + name
        if own_layer(store, top) is not None:
            continue
        lock = _try_layer(store, top)
        if lock is None:
            continue
        with lock:
            folder = layer_folder(store, top)
            if own_layer(store, top) is None and os.path.lexists(folder):
                finding = _finding("layer", top, "a folder that no layer belongs to")
                yield _mend(finding, repair, lambda folder=folder: discard(store, folder))  # type: ignore[misc]


def _rows(store: Store, repair: bool, full: bool) -> Iterator[Finding]:
    """Layers whose files are missing or altered."""
    for (top,) in store.db.query("SELECT chain_id FROM main.layers"):
        lock = _try_layer(store, top)
        if lock is None:
            continue
        with lock:
            record = own_layer(store, top)
            problem = record and _layer_problem(store, record, full)
            if record and problem:
                finding = _finding("layer", top, problem, lost=True)
                yield _mend(finding, repair, lambda record=record: _drop(store, record))  # type: ignore[misc]
            elif record and record["blob"] and _blob_problem(store, record["blob"], record["blob_size"], full=False):
                # Only what it was compressed as is lost; its tar can be had from the tree.
                blob = record["blob"]
                finding = _finding("layer", top, f"its blob {blob} is gone or cut")
                yield _mend(finding, repair, lambda blob=blob: forget_blob(store, blob))  # type: ignore[misc]


def _layer_problem(store: Store, record: LayerRecord, full: bool) -> str:
    folder = layer_folder(store, record["chain_id"])
    if not os.path.isdir(folder + "/diff"):
        return "its files are gone"
    if not os.path.isfile(folder + "/recipe.zst"):
        return "its recipe is gone"
    if full:
        try:
            for _ in layer_chunks(store, record["chain_id"]):
                pass
            path = added(folder)
        except Corrupt as error:
            return error.message
        except OSError as error:
            return f"its files cannot be read: {error.strerror}"
        if path:
            return f"content modified: {path} is not as the layer has it"
    return ""


def _drop(store: Store, record: LayerRecord) -> None:
    """Forget a damaged layer that nothing is based on; one in use stays (`InUse` says by what)."""
    from skerry.store.layer_remove import forget

    forget(store, record["chain_id"])
    discard(store, layer_folder(store, record["chain_id"]))


def _blobs(store: Store, repair: bool, full: bool) -> Iterator[Finding]:
    sizes: dict[str, int] = {}
    for blob, top in store.db.query("SELECT blob, chain_id FROM main.layers WHERE blob IS NOT NULL"):
        record = own_layer(store, top)
        if record and record["blob_size"] is not None:
            sizes[blob] = record["blob_size"]
    for name in _names(store.path("blobs/sha256")):
        digest = "sha256:" + name
        lock = _try_blob(store, digest)
        if lock is None:
            continue
        with lock:
            problem = _blob_problem(store, digest, sizes.get(digest), full=full)
            if problem:
                finding = _finding("blob", digest, problem, lost=True)
                yield _mend(finding, repair, lambda digest=digest: _drop_blob(store, digest))  # type: ignore[misc]


def _drop_blob(store: Store, digest: str) -> None:
    forget_blob(store, digest)
    remove_tree(blob_path(store, digest))


def _blob_problem(store: Store, digest: str, size: int | None, *, full: bool) -> str:
    try:
        with open(blob_path(store, digest), "rb") as file:
            found = os.fstat(file.fileno()).st_size
            if size is not None and found != size:
                return f"has {found} bytes, not {size}"
            if full:
                hasher = openssl_sha256()
                while data := file.read(1 << 20):
                    hasher.update(data)
                if "sha256:" + hasher.hexdigest() != digest:
                    return "was altered"
    except FileNotFoundError:
        return "is gone"
    return ""


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except FileNotFoundError:
        return []


def _try(path: str) -> HeldLock | None:
    try:
        return Lock(path, blocking=False)
    except BlockingIOError:
        return None


def _try_layer(store: Store, top: str) -> HeldLock | None:
    try:
        return store.lock("layer", top, blocking=False, fleeting=True)
    except BlockingIOError:
        return None


def _try_blob(store: Store, digest: str) -> HeldLock | None:
    try:
        return store.lock("blob", digest, blocking=False, fleeting=True)
    except BlockingIOError:
        return None
