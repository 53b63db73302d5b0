"""Removing volumes."""

from __future__ import annotations

import os

from skerry.engine.disk_usage import tree_size
from skerry.engine.volumes.find import find, users
from skerry.engine.volumes.view import list_volumes
from skerry.errors import InUse, NotFound
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.store.database import Database

REMOVED = ".removed-"  # no volume's name begins with a dot


def remove(engine: Engine, name: str, *, force: bool = False) -> str:
    """Remove a volume; its name. With ``force`` the containers that use it go first."""
    try:
        record = find(engine, name)
    except NotFound as error:
        raise NotFound(error.message, exit_code=1) from None
    using = users(engine, record["name"])
    if using and not force:
        raise InUse(
            f"volume {record['name']} is being used by the following container(s): {', '.join(using)}: "
            "volume is being used"
        )
    for container in using:
        engine.containers.remove(container, force=True)
    with engine.store.lock("volume", record["name"], fleeting=True) as lock:
        if users(engine, record["name"]):
            raise InUse(f"volume {record['name']} is being used: volume is being used")
        step("volume.remove-row")
        engine.store.db.free(lambda db: _delete_row(db, record["name"]), durable=True)
        step("volume.remove-folder")
        _remove_folder(os.path.dirname(record["mountpoint"]))
        lock.release(remove=True)
    engine.events.emit(type="volume", status="remove", id=record["name"], name=record["name"])
    return record["name"]


def _remove_folder(path: str) -> None:
    """Under another name first: cut in between, a check can tell half a removed volume from a lost row."""
    gone = os.path.join(os.path.dirname(path), f"{REMOVED}{os.urandom(8).hex()}")
    try:
        os.rename(path, gone)
    except FileNotFoundError:
        return  # somebody took the folder away
    remove_tree(gone)


def _delete_row(db: Database, name: str) -> None:
    db.execute("DELETE FROM volumes WHERE name = ?", name)


def prune(engine: Engine, filters: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Remove volumes that no container uses; (name, bytes) of each."""
    removed = []
    for row in list_volumes(engine, ["dangling=true", *filters]):
        size = tree_size(row["Mountpoint"])
        try:
            remove(engine, row["Name"])
        except (InUse, NotFound):
            continue  # a container took it, or another command removed it, meanwhile
        removed.append((row["Name"], size))
    return removed
