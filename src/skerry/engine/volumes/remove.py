"""Removing volumes."""

from __future__ import annotations

import os

from skerry.engine.volumes.find import all_volumes, find, users
from skerry.errors import InUse
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def remove(engine: Engine, name: str, *, force: bool = False) -> str:
    """Remove a volume; its name. With ``force`` the containers that use it go first."""
    record = find(engine, name)
    using = users(engine, record["name"])
    if using and not force:
        raise InUse(
            f"volume {record['name']} is being used by the following container(s): {', '.join(using)}: "
            "volume is being used"
        )
    for container in using:
        engine.containers.remove(container, force=True)
    with engine.store.lock("volume", record["name"]) as lock:
        if users(engine, record["name"]):
            raise InUse(f"volume {record['name']} is being used: volume is being used")
        step("volume.remove-row")
        with engine.store.db.write(durable=True) as db:
            db.execute("DELETE FROM volumes WHERE name = ?", record["name"])
        step("volume.remove-folder")
        remove_tree(os.path.dirname(record["mountpoint"]))
        lock.release(remove=True)
    engine.events.emit(type="volume", status="remove", id=record["name"], name=record["name"])
    return record["name"]


def prune(engine: Engine, *, all: bool = False) -> list[tuple[str, int]]:
    """Remove unused volumes: the anonymous ones, or ``all``."""
    removed = []
    for record in all_volumes(engine):
        if (all or record["anonymous"]) and not users(engine, record["name"]):
            size = tree_size(record["mountpoint"])
            try:
                remove(engine, record["name"])
            except InUse:
                continue
            removed.append((record["name"], size))
    return removed


def tree_size(path: str) -> int:
    """Bytes of the files below ``path``, hard links once."""
    total, seen = 0, set()
    for folder, _names, _files, fd in os.fwalk(path, follow_symlinks=False):
        del folder
        with os.scandir(fd) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if status.st_nlink == 1 or (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    total += status.st_size
    return total
