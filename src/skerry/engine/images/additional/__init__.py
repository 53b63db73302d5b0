"""Additional image stores: images of other stores, Skerry's or Podman's, that can be used here and never changed."""

from __future__ import annotations

import os
from binascii import crc32

from skerry.errors import SkerryError
from skerry.store import additional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.store.store import Store


def attach(engine: Engine, store: Store, paths: Sequence[str]) -> None:
    """Let ``store`` show what the stores at ``paths`` have. What is wrong with one of them is a warning: containers can
    be looked after without it."""
    from skerry.engine.images.additional.stamps import stamp_of

    stamp, mirror = stamp_of(store, paths), mirror_path(store, paths)
    try:
        about = additional.attach(store, mirror)
        if stamp and about.get("stamp") == [stamp]:
            return _tell(engine, about)
        additional.detach(store)
    except SkerryError:
        pass  # there is none yet, or it was damaged: it is made
    from skerry.engine.images.additional.mirror import make

    try:
        make(store, paths, mirror)
        about = additional.attach(store, mirror)
    except SkerryError as error:
        engine.log(f"additional image stores cannot be used: {error}")
        return None
    for note in about.get("note", ()):
        engine.log(note)
    return _tell(engine, about)


def _tell(engine: Engine, about: dict[str, list[str]]) -> None:
    for problem in about.get("problem", ()):
        engine.log(problem)


def mirror_path(store: Store, paths: Sequence[str]) -> str:
    """The mirror of just these stores, in this order. (Other ones of the same sum have another stamp.)"""
    return store.path("stores", f"{crc32(os.fsencode(chr(0).join(paths))):08x}.db")


def own(engine: Engine, image_id: str) -> None:
    """Make an image of an additional store one of this store's, within a write: its row, with its names. Its layers stay
    where they are. Nothing for one that is here. Only where there are additional stores."""
    db, name = engine.store.db, additional.NAME
    if db.query("SELECT 1 FROM main.images WHERE id = ?", image_id):
        return
    from skerry import fastjson

    for row in db.query(f"SELECT id, digest, top_layer, created_ns, doc FROM {name}.images WHERE id = ?", image_id):
        record = fastjson.loads(row[4])
        record.pop("store", None)
        names = db.query("SELECT name, image, created_ns FROM image_names WHERE image = ?", image_id)
        past = db.query("SELECT image, name, given_ns FROM past_names WHERE image = ?", image_id)
        db.execute("INSERT INTO main.images VALUES (?, ?, ?, ?, ?)", *row[:4], fastjson.dumps(record))
        for values in names:
            db.execute("INSERT INTO main.image_names VALUES (?, ?, ?)", *values)
        for values in past:
            db.execute("INSERT OR IGNORE INTO main.past_names VALUES (?, ?, ?)", *values)
