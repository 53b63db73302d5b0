"""Removing secrets."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.secrets import journal
from skerry.engine.secrets.drivers import open_driver
from skerry.engine.secrets.find import find
from skerry.errors import SkerryError
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord


def remove(engine: Engine, name: str) -> str:
    """See `Secrets.remove`. The row goes before the data, so that no row is ever without; it comes back if the driver
    cannot forget."""
    with engine.store.lock(*journal.LOCK, fleeting=True):
        journal.sweep(engine)
        record = find(engine, name)
        driver = open_driver(record["driver"], record["options"])
        step("secret.note")
        journal.note(engine, record)
        step("secret.remove-row")
        engine.store.db.free(
            lambda db: db.execute("DELETE FROM secrets WHERE id = ?", record["id"]), durable=True
        )  # fmt: skip
        step("secret.remove-data")
        try:
            driver.delete(record["id"])
        except SkerryError as error:
            _put_back(engine, record)
            error.message = f"deleting secret {name}: {error.message}"
            raise
        finally:
            journal.done(engine, record["id"])
    engine.events.emit(type="secret", status="remove", id=record["id"])
    return record["id"]


def _put_back(engine: Engine, record: SecretRecord) -> None:
    with engine.store.db.write(durable=True) as db:
        db.execute(
            "INSERT INTO secrets (id, name, doc) VALUES (?, ?, ?)",
            record["id"], record["name"], fastjson.dumps(record),
        )  # fmt: skip
