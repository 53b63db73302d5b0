"""Recording lists of manifests. A list is one row; what it needs besides, and no image has, are blobs.

All changes of lists take turns (`turn`), so that a blob that one list lets go of is not taken up by another meanwhile.
An image's lock may be taken inside, to hold the image that is added.
"""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.images.names import give
from skerry.engine.manifests.document import MAX_ENTRIES, serialise
from skerry.errors import Conflict, Invalid, NotFound
from skerry.store.blobs import remove_blob
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from skerry.engine.engine import Engine
    from skerry.engine.manifests.types import IndexRecord
    from skerry.store.database import Database
    from skerry.store.locks import Lock


def turn(engine: Engine) -> Lock:
    """Held while a list changes."""
    engine.store.db  # noqa: B018 - the root's folders exist
    return engine.store.lock("manifests", "lists", fleeting=True)


def insert(engine: Engine, name: str) -> IndexRecord:
    """A new, empty list named ``name`` (full). `Conflict` when the name is taken. Durable."""
    record: IndexRecord = {
        "id": os.urandom(32).hex(), "digest": "", "media_type": "", "size": 0, "created_ns": time.time_ns(),
        "entries": [], "annotations": {}, "artifact_type": "", "subject": None, "names": [],
    }  # fmt: skip
    settle(record)
    step("manifest.create")
    with engine.store.db.write(durable=True) as db:
        taken = db.query("SELECT image FROM image_names WHERE name = ?", name)
        if taken:
            raise Conflict(
                f'creating image to hold manifest list: image name "{name}" is already associated with image '
                f'"{taken[0][0]}": that name is already in use'
            )
        _write(db, record)
        give(db, name, record["id"])
    record["names"] = [name]
    return record


def change(engine: Engine, list_id: str, edit: Callable[[IndexRecord], None]) -> IndexRecord:
    """Let ``edit`` change the list as it is now, and record that. Durable. Within `turn`."""
    store = engine.store
    step("manifest.change")
    with store.db.write(durable=True) as db:
        rows = db.query("SELECT doc FROM indexes WHERE id = ?", list_id)
        if not rows:
            raise NotFound(f"{list_id}: image not known")
        record: IndexRecord = fastjson.loads(rows[0][0])
        before = blobs_of(record)
        edit(record)
        if len(record["entries"]) > MAX_ENTRIES:
            raise Invalid(f"a manifest list of more than {MAX_ENTRIES} instances could be read by nobody")
        settle(record)
        _write(db, record)
    after = blobs_of(record)
    drop_blobs(engine, {digest: image for digest, image in before.items() if digest not in after})
    return record


def settle(record: IndexRecord) -> None:
    """Bring digest, size and type up to the list's content."""
    from skerry.engine.manifests.document import digest_of

    data, record["media_type"] = serialise(record)
    record["digest"], record["size"] = digest_of(data), len(data)


def _write(db: Database, record: IndexRecord) -> None:
    db.execute(
        "INSERT OR REPLACE INTO main.indexes VALUES (?, ?, ?, ?)",
        record["id"], record["digest"], record["created_ns"], fastjson.dumps({**record, "names": []}),
    )  # fmt: skip


def delete(engine: Engine, list_id: str) -> list[str]:
    """Remove a list with all its names; those. Its images stay. `NotFound`."""
    names: list[str] = []
    needed: dict[str, str] = {}

    def forget(db: Database) -> None:
        rows = db.query("SELECT doc FROM indexes WHERE id = ?", list_id)
        if not rows:
            raise NotFound(f"{list_id}: image not known", exit_code=1)
        needed.update(blobs_of(fastjson.loads(rows[0][0])))
        names[:] = [row[0] for row in db.query("SELECT name FROM image_names WHERE image = ? ORDER BY name", list_id)]
        db.execute("DELETE FROM main.image_names WHERE image = ?", list_id)
        db.execute("DELETE FROM main.past_names WHERE image = ?", list_id)
        db.execute("DELETE FROM main.indexes WHERE id = ?", list_id)

    with turn(engine):
        step("manifest.remove-row")
        engine.store.db.free(forget, durable=True)
        drop_blobs(engine, needed)
    for name in names:
        engine.events.emit(type="image", status="untag", id=list_id, name=name)
    engine.events.emit(type="image", status="remove", id=list_id, name=names[0] if names else list_id)
    return names


def blobs_of(record: IndexRecord) -> dict[str, str]:
    """What of the store's blobs the list needs: the manifests of its images (each with the image's id), and all of its
    artifacts (with "")."""
    found: dict[str, str] = {}
    for item in record["entries"]:
        if item.get("image_id"):
            found[item["digest"]] = item["image_id"]
        elif item.get("blobs") is not None:
            found.update(dict.fromkeys([item["digest"], *item["blobs"]], ""))
    return found


def is_needed(engine: Engine, digest: str) -> bool:
    """Whether a list, an image or a layer needs the blob."""
    query = engine.store.db.query
    if query("SELECT 1 FROM images WHERE digest = ? OR id = ?", digest, digest[7:]):
        return True
    if query("SELECT 1 FROM layers WHERE blob = ?", digest):
        return True
    return in_a_list(engine, digest)


def in_a_list(engine: Engine, digest: str) -> bool:
    """Whether a list needs the blob."""
    rows = engine.store.db.query("SELECT doc FROM indexes WHERE instr(doc, ?)", digest)
    return any(digest in blobs_of(fastjson.loads(doc)) for (doc,) in rows)


def drop_blobs(engine: Engine, blobs: Mapping[str, str]) -> None:
    """Remove those that nothing needs any more. A manifest may be taken up by its image: that one's lock is held."""
    for digest, image_id in sorted(blobs.items()):
        with engine.store.lock("image" if image_id else "blob", image_id or digest, fleeting=True):
            if not is_needed(engine, digest):
                step("manifest.remove-blob")
                remove_blob(engine.store, digest)
