"""Making the mirror of additional stores: a database of what is in them and where.

It is made in staging and renamed into place, so it is whole whenever it is there; two commands that make it at once make
the same. It can always be made again, so it is no loss."""

from __future__ import annotations

import errno
import os
import sqlite3
import time

from skerry import fastjson
from skerry.engine.images.additional import podman_store, skerry_store
from skerry.engine.images.additional.found import Found
from skerry.engine.images.additional.stamps import stamp_of
from skerry.errors import OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_file
from skerry.store.additional import OWN_TABLES, TABLES
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.store.store import Store


_OLD_S = 14 * 24 * 3600


def make(store: Store, paths: Sequence[str], target: str) -> None:
    """Write the mirror ``target`` of the stores at ``paths``; of what several have, the first one's. What is wrong with a
    store is in the mirror, too."""
    stamp = stamp_of(store, paths)  # before anything is read
    try:
        with store.staging() as staging:
            path = staging.path + "/mirror.db"
            db = sqlite3.connect(path, isolation_level=None)
            db.execute("PRAGMA journal_mode=OFF")
            db.execute("PRAGMA synchronous=OFF")
            db.execute("BEGIN")
            for sql in [*_tables(store), *OWN_TABLES]:
                db.execute(sql)
            db.execute("INSERT INTO about VALUES ('stamp', ?)", (stamp,))
            for number, other in enumerate(paths):
                if os.path.realpath(other) != os.path.realpath(store.root):
                    scratch = f"{staging.path}/{number}"
                    os.mkdir(scratch, 0o700)
                    _take(db, other, scratch)
            db.execute("COMMIT")
            db.close()
            os.chmod(path, 0o600)
            fsync_file(path)
            os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
            step("stores.rename")
            os.rename(path, target)
        _drop_old(target)
    except (OSError, sqlite3.Error) as error:
        full = getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in str(error)
        raise (OutOfSpace if full else Unavailable)(f"cannot write {target}: {error}") from error


def _tables(store: Store) -> list[str]:
    """How this store's own tables that the mirror has as well, and their indexes, are made."""
    marks = ", ".join("?" * len(TABLES))
    made = f"SELECT sql FROM main.sqlite_master WHERE sql IS NOT NULL AND tbl_name IN ({marks}) ORDER BY type DESC"
    return [row[0] for row in store.db.query(made, *TABLES)]


def _take(db: sqlite3.Connection, path: str, scratch: str) -> None:
    try:
        found = _read(path, scratch)
    except SkerryError as error:
        problem = f"additional image store {path} cannot be used: {error.message}"
        db.execute("INSERT INTO about VALUES ('problem', ?)", (problem,))
        return
    if found.skipped:
        count = f"{len(found.skipped)} images" if len(found.skipped) > 1 else "an image"
        note = f"additional image store {path}: {count} cannot be used, {found.skipped[0]}"
        db.execute("INSERT INTO about VALUES ('note', ?)", (note,))
    _write(db, found)


def _read(path: str, scratch: str) -> Found:
    """What is in the store; nothing when it is an empty folder."""
    try:
        os.stat(path)
        os.listdir(path)
    except OSError as error:
        raise Unavailable(f"{error.strerror}") from error
    if os.path.lexists(f"{path}/{skerry_store.DATABASE}"):
        return skerry_store.read(path, scratch)
    if not os.path.lexists(f"{path}/{podman_store.IMAGES}") and os.path.lexists(f"{path}/vfs-images/images.json"):
        raise Unavailable("its images are stored by the vfs driver")
    return podman_store.read(path)


def _write(db: sqlite3.Connection, found: Found) -> None:
    def insert(table: str, *values: object) -> None:
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", values)

    for top, layer in found.layers.items():
        record = layer.record
        insert("layers", top, record["parent"], record["diff_id"], record["blob"], fastjson.dumps(record))
        insert("places", "layer", top, layer.folder)
        if layer.tar_split:
            insert("places", "tar-split", layer.folder, layer.tar_split)
        if record["blob"] and layer.blob:
            insert("places", "blob", record["blob"], layer.blob)
    for image in found.images:
        about = image.record
        tops = about["layers"]
        insert(
            "images", about["id"], about["digest"], tops[-1] if tops else None, about["created_ns"],
            fastjson.dumps(about),
        )  # fmt: skip
        for digest, path in image.documents.items():
            insert("places", "blob", digest, path)
        for order, name in enumerate(image.names):
            insert("image_names", name, about["id"], order)
        for order, name in enumerate(image.past_names):
            insert("past_names", about["id"], name, order)


def _drop_old(target: str) -> None:
    """Remove mirrors of other lists of stores that were made long ago. Who uses one has it open, or makes it again."""
    folder = os.path.dirname(target)
    for name in os.listdir(folder):
        path = f"{folder}/{name}"
        if path != target and os.stat(path).st_mtime < time.time() - _OLD_S:
            os.unlink(path)
