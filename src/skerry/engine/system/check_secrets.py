"""Secrets in a check: what killed commands left, and rows or data that lost the other."""

from __future__ import annotations

import os

from skerry.engine.secrets import journal
from skerry.engine.secrets.create import default_folder
from skerry.engine.secrets.drivers import open_driver
from skerry.engine.secrets.find import all_secrets
from skerry.engine.system import leftovers
from skerry.engine.system.findings import finding, mend, try_lock
from skerry.errors import NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord
    from skerry.store.types import Finding


def check(engine: Engine, *, repair: bool) -> list[Finding]:
    """All findings about secrets; none while another command makes or removes one."""
    lock = try_lock(engine.store, *journal.LOCK)
    if lock is None:
        return []
    with lock:
        found = []
        for secret_id in journal.pending(engine):
            note = finding("secret", secret_id, "half made, replaced or removed")
            found.append(mend(note, repair, lambda: journal.sweep(engine)))
        for record in all_secrets(engine):
            found += _data_of(engine, record, repair)
        return [*found, *_data_without_row(engine, repair)]


def _data_of(engine: Engine, record: SecretRecord, repair: bool) -> list[Finding]:
    """Only the file driver is asked: another one may want a passphrase, or somebody's network."""
    if record["driver"] != "file":
        return []
    try:
        open_driver("file", record["options"]).lookup(record["id"])
    except NotFound:
        note = finding("secret", record["name"], "its data is gone: the secret is removed", lost=True)
        return [mend(note, repair, lambda: _remove(engine, record["id"]))]
    except SkerryError as error:
        return [finding("secret", record["name"], f"cannot be read: {error.message}")]
    return []


def _remove(engine: Engine, secret_id: str) -> None:
    with engine.store.db.write(durable=True) as db:
        db.execute("DELETE FROM secrets WHERE id = ?", secret_id)


def _data_without_row(engine: Engine, repair: bool) -> list[Finding]:
    folder = default_folder(engine)
    known = {record["id"] for record in all_secrets(engine)} | set(journal.pending(engine))
    return [
        mend(
            finding("secret", name, "data of a secret that is gone"),
            repair,
            lambda name=name: os.unlink(os.path.join(folder, name)),  # type: ignore[misc]
        )
        for name in leftovers.names(folder)
        if name not in known
    ]
