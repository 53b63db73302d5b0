"""What makes keeping and forgetting a secret whole: a note of every id whose data may be there without a row.

The note is written before a driver keeps data and before a row goes; it goes when both agree. Killed in between: the
next command that makes or removes a secret asks the driver to forget the data of ids without a row. Whoever calls
holds the one lock on secrets.
"""

from __future__ import annotations

import errno
import os

from skerry import fastjson
from skerry.engine.secrets.drivers import open_driver
from skerry.errors import Invalid, NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord

LOCK = ("secret", "all")


def folder(engine: Engine, *names: str) -> str:
    """Where the notes are."""
    return engine.store.path("secrets", "pending", *names)


def note(engine: Engine, record: SecretRecord) -> None:
    """Its data may be there without its row, from here on."""
    path = folder(engine, record["id"])
    text = fastjson.dumps({"driver": record["driver"], "options": record["options"]})
    for freed in (False, True):
        try:
            os.makedirs(folder(engine), mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with open(fd, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.write(text)
                file.flush()
                os.fsync(fd)
            fsync_folder(folder(engine))
            return
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            if full and not freed and engine.store.db.give_up_reserve():
                continue  # removing must work on a full disk, too
            kind = OutOfSpace if full else Unavailable
            raise kind(f"cannot write {path}: {error.strerror}") from None


def done(engine: Engine, secret_id: str) -> None:
    """Data and row agree. Idempotent."""
    try:
        os.unlink(folder(engine, secret_id))
    except FileNotFoundError:
        pass


def pending(engine: Engine) -> list[str]:
    """Ids with a note: while nobody holds the lock, what killed commands left."""
    try:
        return sorted(os.listdir(folder(engine)))
    except OSError:
        return []


def sweep(engine: Engine) -> None:
    """Bring to an end what killed commands began."""
    for secret_id in pending(engine):
        if not engine.store.db.query("SELECT 1 FROM secrets WHERE id = ?", secret_id):
            _forget(engine, secret_id)
        done(engine, secret_id)


def _forget(engine: Engine, secret_id: str) -> None:
    try:
        with open(folder(engine, secret_id), encoding="utf-8", errors="surrogateescape") as file:
            said = fastjson.loads(file.read())
        open_driver(said["driver"], said["options"]).delete(secret_id)
    except NotFound:
        pass  # it had not been kept yet, or is forgotten already
    except (Invalid, KeyError):
        pass  # the note itself was cut short: nothing had been kept then
    except (OSError, SkerryError) as error:
        engine.warn(f"cannot remove what is left of the secret {secret_id}: {error}")
