"""Making volumes."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.containers.options.mounts import check_volume_name
from skerry.engine.volumes.find import get
from skerry.errors import Conflict, OutOfSpace, Unavailable
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
        step("volume.folder")
        _make_folder(record["mountpoint"])
        step("volume.record")
        try:
            with engine.store.db.write(durable=not anonymous) as db:
                db.execute("INSERT INTO volumes VALUES (?, ?, ?)", name, record["created_ns"], fastjson.dumps(record))
        except Exception as error:
            if not engine.store.db.is_collision(error):
                raise
            found = get(engine, name)  # another command was faster
            if not ignore or found is None:
                raise Conflict(f"volume with name {name} already exists: volume already exists") from None
            return found
    engine.events.emit(type="volume", status="create", id=name, name=name)
    return record


def _make_folder(path: str) -> None:
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, 0o755)
    except OSError as error:
        kind = OutOfSpace if error.errno == 28 else Unavailable
        raise kind(f"cannot make the volume's folder {path}: {error.strerror}") from None
