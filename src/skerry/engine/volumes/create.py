"""Making volumes."""

from __future__ import annotations

import errno
import os
import time

from skerry import fastjson
from skerry.engine.containers.options.mounts import check_volume_name
from skerry.engine.volumes.find import get
from skerry.errors import Conflict, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord


def create(
    engine: Engine, name: str, *, labels: dict[str, str] | None = None, ignore: bool = False, anonymous: bool = False
) -> VolumeRecord:
    """Make a volume: its folder first, then its row (a folder without a row is adopted by the next try)."""
    name = name or os.urandom(32).hex()
    check_volume_name(name)
    existing = get(engine, name)
    if existing:
        if ignore:
            return existing
        raise Conflict(f"volume with name {name} already exists: volume already exists")
    record: VolumeRecord = {
        "name": name, "created_ns": time.time_ns(), "labels": labels or {}, "anonymous": anonymous,
        "mountpoint": os.path.join(engine.settings.volume_path, name, "_data"), "needs_copy_up": True,
        "driver": "local", "options": {},
    }  # fmt: skip
    # Under the lock, so that a check never takes the folder for an orphan.
    with engine.store.lock("volume", name):
        existing = get(engine, name)
        if existing and ignore:
            return existing  # another command was faster
        if existing:
            raise Conflict(f"volume with name {name} already exists: volume already exists")
        try:
            step("volume.folder")
            _make_folder(record["mountpoint"], durable=not anonymous)
            step("volume.record")
            with engine.store.db.write(durable=not anonymous) as db:
                db.execute("INSERT INTO volumes VALUES (?, ?, ?)", name, record["created_ns"], fastjson.dumps(record))
        except SkerryError:
            _give_back(record["mountpoint"])
            raise
    engine.events.emit(type="volume", status="create", id=name, name=name)
    return record


def _make_folder(path: str, *, durable: bool) -> None:
    """``durable``: also where the folder is on another file system than the row that says so."""
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, 0o755)
        if durable:
            fsync_folder(os.path.dirname(path))
            fsync_folder(os.path.dirname(os.path.dirname(path)))
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot make the volume's folder {path}: {error.strerror}") from None


def _give_back(path: str) -> None:
    for folder in (path, os.path.dirname(path)):
        try:
            os.rmdir(folder)
        except OSError:
            return  # it was not made, or somebody's data is in it
