"""Making secrets."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.secrets import journal
from skerry.engine.secrets.drivers import open_driver
from skerry.engine.secrets.find import named
from skerry.errors import Conflict, Invalid, SkerryError
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from skerry.engine.engine import Engine
    from skerry.engine.secrets.drivers import Driver
    from skerry.engine.secrets.types import SecretRecord

MAX_BYTES = 512000  # less than that
_MAX_NAME = 253


def create(
    engine: Engine, name: str, data: bytes, *, driver: str = "", options: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None, replace: bool = False, ignore: bool = False,
) -> str:  # fmt: skip
    """See `Secrets.create`. The data is there before the row, and goes again if we are killed in between."""
    check_name(name)
    if not 0 < len(data) < MAX_BYTES:
        raise Invalid(f"secret data must be larger than 0 and less than {MAX_BYTES} bytes")
    record = _record(engine, name, driver, options, labels)
    keeper = open_driver(record["driver"], record["options"])
    with engine.store.lock(*journal.LOCK):
        journal.sweep(engine)
        old = named(engine, name)
        if old is not None and ignore:
            return old["id"]
        if old is not None and not replace:
            raise Conflict(f"{name}: secret name in use")
        if old is not None:
            record["created_ns"] = old["created_ns"]
        _keep(engine, record, keeper, data)
        _record_durably(engine, record, old)
        step("secret.remove-data")
        journal.sweep(engine)  # the data of the old one, which has no row any more
    engine.events.emit(type="secret", status="create", id=record["id"])
    return record["id"]


def check_name(name: str) -> None:
    """`Invalid` unless a secret may be called so."""
    length = len(name.encode("utf-8", "surrogateescape"))
    if not 0 < length <= _MAX_NAME or set(name) & {"=", "/", ",", "\0"}:
        raise Invalid(
            f"secret name \"{name}\" can not include '=', '/', ',', or the '\\0' (NULL) and be between 1 and "
            f"{_MAX_NAME} characters: invalid secret name"
        )


def default_folder(engine: Engine) -> str:
    """Where the file driver keeps data unless it is told otherwise."""
    return engine.store.path("secrets", "filedriver")


def _record(
    engine: Engine, name: str, driver: str, options: Mapping[str, str] | None, labels: Mapping[str, str] | None
) -> SecretRecord:
    conf = engine.settings.conf["secrets"]
    chosen = driver or conf["driver"]
    given = dict(options or {})
    if not given and chosen == conf["driver"]:
        given = dict(conf["opts"])  # another driver could not make sense of them
    if chosen == "file":
        given.setdefault("path", default_folder(engine))
    now = time.time_ns()
    return {
        "id": os.urandom(13).hex()[:25], "name": name, "driver": chosen, "options": given, "labels": dict(labels or {}),
        "created_ns": now, "updated_ns": now,
    }  # fmt: skip


def _keep(engine: Engine, record: SecretRecord, driver: Driver, data: bytes) -> None:
    step("secret.note")
    journal.note(engine, record)
    step("secret.data")
    try:
        driver.store(record["id"], data)
    except SkerryError as error:
        journal.sweep(engine)
        error.message = f"creating secret {record['name']}: {error.message}"
        raise


def _record_durably(engine: Engine, record: SecretRecord, old: SecretRecord | None) -> None:
    if old is not None:
        journal.note(engine, old)
    step("secret.record")
    try:
        with engine.store.db.write(durable=True) as db:
            if old is not None:
                db.execute("DELETE FROM secrets WHERE id = ?", old["id"])
            db.execute(
                "INSERT INTO secrets (id, name, doc) VALUES (?, ?, ?)",
                record["id"], record["name"], fastjson.dumps(record),
            )  # fmt: skip
    except SkerryError:
        journal.sweep(engine)
        raise
