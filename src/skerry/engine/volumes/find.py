"""Looking volumes up."""

from __future__ import annotations

from skerry import fastjson
from skerry.errors import Conflict, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord


def get(engine: Engine, name: str) -> VolumeRecord | None:
    """The volume with exactly this name."""
    rows = engine.store.db.query("SELECT doc FROM volumes WHERE name = ?", name)
    record: VolumeRecord | None = fastjson.loads(rows[0][0]) if rows else None
    return record


def find(engine: Engine, name: str) -> VolumeRecord:
    """The volume with this name or unique beginning of one; `NotFound`, `Conflict`."""
    exact = get(engine, name)
    if exact:
        return exact
    rows = []
    if name:
        rows = engine.store.db.query("SELECT doc FROM volumes WHERE substr(name, 1, ?) = ? LIMIT 2", len(name), name)
    if not rows:
        raise NotFound(f'no volume with name "{name}" found: no such volume')
    if len(rows) > 1:
        raise Conflict(f"more than one result for volume name {name}: volume already exists")
    record: VolumeRecord = fastjson.loads(rows[0][0])
    return record


def all_volumes(engine: Engine) -> list[VolumeRecord]:
    """All volumes, by name."""
    return [fastjson.loads(row[0]) for row in engine.store.db.query("SELECT doc FROM volumes ORDER BY name")]


def users(engine: Engine, name: str) -> list[str]:
    """Ids of the containers that use the volume."""
    return [row[0] for row in engine.store.db.query("SELECT container FROM volume_users WHERE volume = ?", name)]
