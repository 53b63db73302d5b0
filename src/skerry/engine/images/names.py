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
    target = _target(engine, name)[0]
    full = []
    for new in names:
        if parse(new).digest or new.startswith("sha256:"):
            raise Invalid(f"tag {new}: tagging by digest is not supported: tag by digest not supported")
        full.append(normalise(new))
    db = engine.store.db
    step("image.tag")
    with db.write(durable=True):
        if not db.query(
            "SELECT 1 FROM images WHERE id = ? UNION ALL SELECT 1 FROM indexes WHERE id = ?", target, target
        ):
            raise NotFound(f"{name}: image not known")
        _own(engine, target)
        for item in full:
            give(db, item, target)
    for new in names:
        engine.events.emit(type="image", status="tag", id=target, name=new)  # as it was said, like Podman


def _own(engine: Engine, target: str) -> None:
    """What is given names here, or loses them, is this store's from then on."""
    if engine.store.elsewhere is not None:
        from skerry.engine.images.additional import own

        own(engine, target)


def give(db: Database, name: str, image_id: str) -> None:
    """Let ``name`` (full) mean this image or list from now on; that it ever did is kept as long as the image."""
    now = time.time_ns()
    db.execute("INSERT OR REPLACE INTO main.image_names VALUES (?, ?, ?)", name, image_id, now)
    db.execute("INSERT OR REPLACE INTO main.past_names VALUES (?, ?, ?)", image_id, name, now)


def _target(engine: Engine, name: str) -> tuple[str, list[str]]:
    """The id and the names of the image, or of the list itself, that ``name`` means."""
    from skerry.engine.manifests.find import find_list

    listed = find_list(engine, name)
    record = listed or resolve(engine, name)
    return record["id"], record["names"]


def untag(engine: Engine, name: str, names: Sequence[str]) -> None:
    """See `Images.untag`."""
    target, known = _target(engine, name)
    wanted = [normalise(item) for item in names] or list(known)
    for item in wanted:
        if item not in known:
            raise NotFound(f"{item}: tag not known")
    step("image.untag")

    def forget(db: Database) -> None:
        _own(engine, target)
        for item in wanted:
            db.execute("DELETE FROM main.image_names WHERE name = ? AND image = ?", item, target)

    engine.store.db.free(forget, durable=True)
    for item in wanted:
        engine.events.emit(type="image", status="untag", id=target, name=item)
