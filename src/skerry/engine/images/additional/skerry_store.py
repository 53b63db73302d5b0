"""Another store of Skerry's. Its database is copied first, log and all, and the copy is opened: so the other store is not
touched, locked or waited for, and may lie where nothing can be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time

from skerry import fastjson
from skerry.engine.images.additional.found import Found, FoundLayer, is_folder, is_hex
from skerry.errors import Corrupt, SkerryError
from skerry.image.reference import is_digest
from skerry.store.database import SCHEMA_VERSION
from skerry.store.layer_add import chain_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

DATABASE = "skerry.db"
_TRIES = 20


def read(path: str, scratch: str) -> Found:
    """The images of the store at ``path``; ``scratch``: a folder for the copy. `Corrupt`."""
    found = Found(path)
    copy = _copy(path, scratch)
    try:
        with sqlite3.connect(copy) as db:
            db.text_factory = lambda data: data.decode("utf-8", "replace")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if not 1 <= version <= SCHEMA_VERSION:
                raise Corrupt(f"{path}/{DATABASE} was written by another version of Skerry (schema {version})")
            _read_layers(found, db)
            _read_images(found, db, has_past=version >= 5)
        db.close()
    except (sqlite3.Error, ValueError, TypeError) as error:
        raise Corrupt(f"{path}/{DATABASE}: {error}") from None
    return found


def _copy(path: str, scratch: str) -> str:
    """A copy of the database and its log that belong together."""
    target = scratch + "/copy.db"
    names = ("", "-wal")
    for _ in range(_TRIES):
        before = [_state(f"{path}/{DATABASE}{end}") for end in names]
        for end in names:
            try:
                source = f"{path}/{DATABASE}{end}"
                fd = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with open(fd, "rb") as reader, open(target + end, "wb") as writer:
                    shutil.copyfileobj(reader, writer, 1 << 20)
            except FileNotFoundError:
                if not end:
                    raise Corrupt(f"{path}/{DATABASE} is gone") from None
                open(target + end, "wb").close()
            except OSError as error:
                raise Corrupt(f"{path}/{DATABASE}{end} cannot be read: {error.strerror}") from error
        if before == [_state(f"{path}/{DATABASE}{end}") for end in names]:
            return target
        time.sleep(0.01)
    raise Corrupt(f"{path}/{DATABASE} changes too fast to be read")


def _state(path: str) -> tuple[int, ...]:
    try:
        status = os.lstat(path)
    except OSError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _read_layers(found: Found, db: sqlite3.Connection) -> None:
    """Those whose files are there, with all below them."""
    waiting = {row[0]: row for row in db.execute("SELECT chain_id, parent, diff_id, doc FROM layers")}
    while waiting:
        ready = [row for row in waiting.values() if row[1] is None or row[1] in found.layers]
        if not ready:
            break
        for row in ready:
            del waiting[row[0]]
            if layer := _layer(found.path, *row):
                found.layers[row[0]] = layer


def _layer(path: str, top: object, parent: str | None, diff_id: object, text: str) -> FoundLayer | None:
    if not isinstance(diff_id, str) or not is_digest(diff_id) or top != chain_id(parent, diff_id):
        return None
    folder = f"{path}/layers/{top[7:]}"
    document = _object(text)
    size = document.get("size")
    if not is_folder(folder) or not is_folder(folder + "/diff") or type(size) is not int or size < 0:
        return None
    blob, blob_size, blob_type = (document.get(key) for key in ("blob", "blob_size", "blob_media_type"))
    place = f"{path}/blobs/sha256/{blob[7:]}" if isinstance(blob, str) and is_digest(blob) else ""
    if not place or not os.path.isfile(place) or os.path.islink(place) or os.path.getsize(place) != blob_size:
        place, blob, blob_size, blob_type = "", None, None, "application/vnd.oci.image.layer.v1.tar"
    return FoundLayer(
        {
            "chain_id": top, "parent": parent, "diff_id": diff_id, "size": size, "blob": blob, "blob_size": blob_size,
            "blob_media_type": blob_type if isinstance(blob_type, str) else None,
            "created_ns": _number(document.get("created_ns")),
        },
        folder, blob=place,
    )  # fmt: skip


def _read_images(found: Found, db: sqlite3.Connection, *, has_past: bool) -> None:
    names: dict[object, list[str]] = {}
    past: dict[object, list[str]] = {}
    for image, name in db.execute("SELECT image, name FROM image_names ORDER BY created_ns"):
        names.setdefault(image, []).append(name)
    if has_past:
        for image, name in db.execute("SELECT image, name FROM past_names ORDER BY given_ns"):
            past.setdefault(image, []).append(name)
    for image_id, digest, text in db.execute("SELECT id, digest, doc FROM images"):
        document = _object(text)
        try:
            _add(found, image_id, digest, document, names.get(image_id, []), past.get(image_id, []))
        except SkerryError as error:
            found.skipped.append(f"image {str(image_id)[:12]}: {error.message}")


def _add(
    found: Found, image_id: object, digest: object, document: dict[str, Any], names: list[str], past: list[str]
) -> None:
    wanted = document.get("layers")
    if not isinstance(image_id, str) or not is_hex(image_id) or not (isinstance(digest, str) and is_digest(digest)):
        raise Corrupt("its id or digest is none")
    if not isinstance(wanted, list) or not all(isinstance(it, str) and it in found.layers for it in wanted):
        raise Corrupt("a layer of it is not in the store")
    folder = found.path + "/blobs/sha256/"
    record = found.add_image(
        image_id, folder + image_id, folder + digest[7:], [found.layers[it] for it in wanted], names, past
    )
    if document.get("pulled") is True:
        record["pulled"] = True
    through = document.get("index_digests")
    if isinstance(through, list):
        record["index_digests"] = [it for it in through if isinstance(it, str) and is_digest(it)]


def _object(text: object) -> dict[str, Any]:
    try:
        document = fastjson.loads(text) if isinstance(text, str) else None
    except SkerryError:
        return {}
    return document if isinstance(document, dict) else {}


def _number(value: object) -> int:
    return value if type(value) is int and abs(value) < 1 << 63 else 0
