"""Volumes in a check. A volume's data is nobody's to throw away: a folder with content gets its row back."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.containers.options.names import check_name
from skerry.engine.system.findings import finding, mend, try_lock
from skerry.engine.system.leftovers import names
from skerry.engine.volumes import mounting
from skerry.engine.volumes.find import get
from skerry.engine.volumes.remove import REMOVED
from skerry.errors import SkerryError, Unavailable
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord
    from skerry.store.types import Finding


def check(engine: Engine, *, repair: bool) -> list[Finding]:
    """Folders without a row, rows without a folder, and what a killed removal left."""
    found: list[Finding] = []
    for name in names(engine.settings.volume_path):
        if name.startswith(REMOVED):
            found += _half_removed(engine, name, repair)
        elif _is_volume_name(name) and get(engine, name) is None:
            found += _folder(engine, name, repair)
    for (name,) in engine.store.db.query("SELECT name FROM volumes"):
        found += _row(engine, name, repair)
    return found


def _is_volume_name(name: str) -> bool:
    try:
        check_name(name)
    except SkerryError:
        return False
    return True


def _half_removed(engine: Engine, name: str, repair: bool) -> list[Finding]:
    path = os.path.join(engine.settings.volume_path, name)
    time.sleep(0.2)  # a removal that is at work has no lock that we could name: is it still at it?
    if not os.path.lexists(path):
        return []
    return [mend(finding("volume", name, "files of a removed volume"), repair, lambda: remove_tree(path))]


def _folder(engine: Engine, name: str, repair: bool) -> list[Finding]:
    lock = try_lock(engine.store, "volume", name)
    if lock is None:
        return []
    with lock:
        folder = os.path.join(engine.settings.volume_path, name)
        data = os.path.join(folder, "_data")
        if get(engine, name) is not None or not os.path.isdir(folder):
            return []
        inside = names(folder)
        if set(inside) - {"_data", "work", ".copying"}:
            return []  # somebody else's folder
        if names(data):
            message = "a folder with data and no volume: the volume is made again"
            return [mend(finding("volume", name, message), repair, lambda: _adopt(engine, name, data))]
        found = mend(finding("volume", name, "an empty folder and no volume"), repair, lambda: remove_tree(folder))
        lock.release(remove=found["repaired"])
        return [found]


def _adopt(engine: Engine, name: str, data: str) -> None:
    created_ns = os.stat(data).st_ctime_ns
    record: VolumeRecord = {
        "name": name, "created_ns": created_ns, "labels": {}, "anonymous": False, "mountpoint": data,
        "needs_copy_up": False, "driver": "local", "options": {},
    }  # fmt: skip
    with engine.store.db.write(durable=True) as db:
        db.execute("INSERT INTO volumes VALUES (?, ?, ?)", name, created_ns, fastjson.dumps(record))


def _row(engine: Engine, name: str, repair: bool) -> list[Finding]:
    lock = try_lock(engine.store, "volume", name)
    if lock is None:
        return []
    with lock:
        record = get(engine, name)
        if record is None:
            return []
        if mounting.needs_mount(record) and mounting.where(engine, record) and not mounting.holders(engine, name):
            take_down = lambda: mounting.take_down(engine, name, record)  # noqa: E731
            return [mend(finding("volume", name, "mounted although nobody uses it"), repair, take_down)]
        if not record["mountpoint"] or os.path.isdir(record["mountpoint"]):
            return []
        message = "its folder is gone: an empty one is made"
        return [mend(finding("volume", name, message, lost=True), repair, lambda: _make(record["mountpoint"]))]


def _make(path: str) -> None:
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"cannot make {path}: {error.strerror}") from error
