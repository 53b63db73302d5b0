"""Rows of containers: written whole, in one short transaction each."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.containers.options.names import random_name
from skerry.errors import Conflict, NotFound
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.store.database import Database


class VolumeGone(NotFound):
    """A volume that was made for the container was removed before the container was recorded."""


def insert(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """Write a new container; chooses its name when it has none. From here on it exists.

    Durable unless it will remove itself. `Conflict` when the name is taken, `NotFound` when its image went away,
    `VolumeGone`."""
    db = engine.store.db
    generated = not record["name"]
    step("container.record")
    for attempt in range(50):
        if generated:
            record["name"] = record["config"]["name"] = random_name(attempt)
        if record.get("hostname_is_name"):
            record["config"]["hostname"] = _as_hostname(record["name"])
        try:
            with db.write(durable=not record["auto_remove"]):
                _insert(engine, record, state)
            return
        except Exception as error:
            if not db.is_collision(error):
                raise
            if not generated:
                raise _name_taken(engine, record["name"]) from None
    raise Conflict("no free container name found")


def _as_hostname(name: str) -> str:
    return "".join(c for c in name if c.isascii() and (c.isalnum() or c in "-."))[:64]


def _insert(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    db = engine.store.db
    # The image cannot vanish between its look-up and this row: removal checks for users in its own transaction.
    if record["image_id"] and not db.query("SELECT 1 FROM images WHERE id = ?", record["image_id"]):
        raise NotFound(f"{record['image']}: image not known")
    db.execute(
        "INSERT INTO containers (id, name, pod, image, created_ns, doc, state) VALUES (?, ?, ?, ?, ?, ?, ?)",
        record["id"], record["name"], record["pod"], record["image_id"], record["created_ns"],
        fastjson.dumps(record), fastjson.dumps(state),
    )  # fmt: skip
    for volume in record["volumes"]:
        if not db.query("SELECT 1 FROM volumes WHERE name = ?", volume):
            raise VolumeGone(f'no volume with name "{volume}" found: no such volume')
        db.execute("INSERT OR IGNORE INTO volume_users VALUES (?, ?)", volume, record["id"])
    for mount in record["config"]["mounts"]:
        if mount["type"] == "image":
            if not db.query("SELECT 1 FROM images WHERE id = ?", mount["image_id"]):
                raise NotFound(f"{mount['source']}: image not known")
            db.execute("INSERT OR IGNORE INTO image_users VALUES (?, ?)", mount["image_id"], record["id"])


def _name_taken(engine: Engine, name: str) -> Conflict:
    rows = engine.store.db.query("SELECT id FROM containers WHERE name = ?", name)
    owner = rows[0][0] if rows else "another command"
    return Conflict(
        f'creating container storage: the container name "{name}" is already in use by {owner}. You have to remove '
        "that container to be able to reuse that name: that name is already in use, or use --replace to instruct "
        "Podman to do so."  # their words, which scripts look for
    )


def update(
    engine: Engine, record: ContainerRecord, state: ContainerState | None = None, *, durable: bool = True
) -> None:  # fmt: skip
    """Write a changed record (rename, update), and with it a changed state."""
    db = engine.store.db
    step("container.update-record")
    try:
        with db.write(durable=durable):
            db.execute(
                "UPDATE containers SET name = ?, doc = ? WHERE id = ?",
                record["name"], fastjson.dumps(record), record["id"],
            )  # fmt: skip
            if state is not None:
                db.execute("UPDATE containers SET state = ? WHERE id = ?", fastjson.dumps(state), record["id"])
    except Exception as error:
        if db.is_collision(error):
            raise _name_taken(engine, record["name"]) from None
        raise


def delete(engine: Engine, container_id: str, *, durable: bool) -> None:
    """Remove the rows of a container; works on a full disk."""

    def change(db: Database) -> None:
        db.execute("DELETE FROM volume_users WHERE container = ?", container_id)
        db.execute("DELETE FROM image_users WHERE user = ?", container_id)
        db.execute("DELETE FROM containers WHERE id = ?", container_id)

    engine.store.db.free(change, durable=durable)
