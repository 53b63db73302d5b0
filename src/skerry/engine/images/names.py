"""Giving names to images, and taking them."""

from __future__ import annotations

import time

from skerry.engine.images.resolve import resolve
from skerry.errors import Invalid, NotFound
from skerry.image.reference import normalise, parse
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.store.database import Database


def tag(engine: Engine, name: str, names: Sequence[str]) -> None:
    """See `Images.tag`. All names or, when one is wrong, none."""
    record = resolve(engine, name)
    full = []
    for new in names:
        if parse(new).digest:
            raise Invalid(f"tag {new}: tagging by digest is not supported: tag by digest not supported")
        full.append(normalise(new))
    db = engine.store.db
    step("image.tag")
    with db.write(durable=True):
        if not db.query("SELECT 1 FROM images WHERE id = ?", record["id"]):
            raise NotFound(f"{name}: image not known")
        for item in full:
            db.execute("INSERT OR REPLACE INTO image_names VALUES (?, ?, ?)", item, record["id"], time.time_ns())
    for item in full:
        engine.events.emit(type="image", status="tag", id=record["id"], name=item)


def untag(engine: Engine, name: str, names: Sequence[str]) -> None:
    """See `Images.untag`."""
    record = resolve(engine, name)
    wanted = [normalise(item) for item in names] or list(record["names"])
    for item in wanted:
        if item not in record["names"]:
            raise NotFound(f"{item}: tag not known")
    step("image.untag")

    def forget(db: Database) -> None:
        for item in wanted:
            db.execute("DELETE FROM image_names WHERE name = ? AND image = ?", item, record["id"])

    engine.store.db.free(forget, durable=True)
    for item in wanted:
        engine.events.emit(type="image", status="untag", id=record["id"], name=item)
