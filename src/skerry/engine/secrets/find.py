"""Looking secrets up, with what they say."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.secrets.drivers import open_driver
from skerry.errors import Conflict, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord


def named(engine: Engine, name: str) -> SecretRecord | None:
    """The secret with exactly this name."""
    rows = engine.store.db.query("SELECT doc FROM secrets WHERE name = ?", name)
    record: SecretRecord | None = fastjson.loads(rows[0][0]) if rows else None
    return record


def find(engine: Engine, name: str) -> SecretRecord:
    """The secret with this name, id, or beginning of an id. `NotFound`; `Conflict` when several ids begin so."""
    exact = named(engine, name)
    if exact is not None:
        return exact
    rows = engine.store.db.query("SELECT doc FROM secrets WHERE substr(id, 1, ?) = ? LIMIT 2", len(name), name)
    if not rows:
        raise NotFound(f'no secret with name or id "{name}": no such secret')
    if len(rows) > 1:
        raise Conflict(f"more than one result secret with prefix {name}: secret is ambiguous")
    record: SecretRecord = fastjson.loads(rows[0][0])
    return record


def lookup(engine: Engine, name: str) -> tuple[SecretRecord, bytes]:
    """The secret and what it says. `NotFound` also when its driver has lost that."""
    return _read(engine, name, find)


def lookup_named(engine: Engine, name: str) -> tuple[SecretRecord, bytes]:
    """The same for a name that is kept: when its secret is gone, no other one's id that begins so will do."""
    return _read(engine, name, _require_named)


def _require_named(engine: Engine, name: str) -> SecretRecord:
    record = named(engine, name)
    if record is None:
        raise NotFound(f'no secret with name or id "{name}": no such secret')
    return record


def _read(engine: Engine, name: str, search: Callable[[Engine, str], SecretRecord]) -> tuple[SecretRecord, bytes]:
    record = search(engine, name)
    while True:
        try:
            return record, open_driver(record["driver"], record["options"]).lookup(record["id"])
        except NotFound:
            # It may have been replaced between the two.
            again = search(engine, name)
            if again["id"] == record["id"]:
                raise
            record = again


def all_secrets(engine: Engine) -> list[SecretRecord]:
    """All secrets, by name."""
    return [fastjson.loads(row[0]) for row in engine.store.db.query("SELECT doc FROM secrets ORDER BY name")]
