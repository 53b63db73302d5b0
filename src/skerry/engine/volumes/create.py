"""Making volumes."""

from __future__ import annotations

import errno
import os
import time

from skerry import fastjson
from skerry.engine.containers.options.names import check_name
from skerry.engine.volumes.find import get
from skerry.errors import Conflict, Invalid, NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord


def create(
    engine: Engine, name: str, *, labels: dict[str, str] | None = None, ignore: bool = False, anonymous: bool = False,
    driver: str = "", options: Mapping[str, str] | None = None, uid: int | None = None, gid: int | None = None,
    known_to_plugin: bool = False,
) -> VolumeRecord:  # fmt: skip
    """Make a volume: its folder first, then its row (a folder without a row is adopted by the next try).

    ``known_to_plugin``: the plugin said that it has it, and is not asked to make it."""
    anonymous = anonymous or not name  # as Podman and Docker
    name = name or os.urandom(32).hex()
    try:
        check_name(name)
    except Invalid as error:
        raise Invalid(f"running volume create option: {error.message.partition(': ')[2]}") from None
    existing = _existing(engine, name, ignore=ignore)
    if existing:
        return existing
    record = _record(engine, name, labels or {}, anonymous=anonymous, driver=driver or "local")
    if driver not in ("", "local") or options or uid is not None or gid is not None:
        _apply(engine, record, dict(options or {}), uid, gid)
    # Under the lock, so that a check never takes the folder for an orphan.
    with engine.store.lock("volume", name):
        existing = _existing(engine, name, ignore=ignore)  # another command may have been faster
        if existing:
            return existing
        _make(engine, record, known_to_plugin=known_to_plugin)
    engine.events.emit(type="volume", status="create", id=name, name=name, attributes=record["labels"] or None)
    return record


def _existing(engine: Engine, name: str, *, ignore: bool) -> VolumeRecord | None:
    existing = get(engine, name)
    if existing and not ignore:
        raise Conflict(f"volume with name {name} already exists: volume already exists")
    return existing


def _record(engine: Engine, name: str, labels: dict[str, str], *, anonymous: bool, driver: str) -> VolumeRecord:
    return {
        "name": name, "created_ns": time.time_ns(), "labels": labels, "anonymous": anonymous,
        "mountpoint": os.path.join(engine.settings.volume_path, name, "_data"), "needs_copy_up": True,
        "driver": driver, "options": {},
    }  # fmt: skip


def _apply(engine: Engine, record: VolumeRecord, given: dict[str, str], uid: int | None, gid: int | None) -> None:
    from skerry.engine.volumes.options import read

    driver = record["driver"]
    options = read(driver, given)
    record["options"] = options.stored
    if driver == "local" and options.stored.get("type") != "tmpfs" and (options.size or options.inodes):
        record["limits"] = {"size": options.size, "inodes": options.inodes}
    if options.timeout_s >= 0:
        record["timeout_s"] = options.timeout_s
    uid = uid if uid is not None else options.uid
    gid = gid if gid is not None else options.gid
    if uid >= 0 or gid >= 0:
        record["uid"], record["gid"], record["needs_chown"] = max(uid, 0), max(gid, 0), False
    if driver == "image":
        _stand_on_image(engine, record)
    elif driver != "local":
        from skerry.engine.volumes.plugins import plugin_of

        plugin_of(engine, record).activate()  # it is there, and one for volumes
        record["mountpoint"] = ""


def _stand_on_image(engine: Engine, record: VolumeRecord) -> None:
    from skerry.engine.images.resolve import find

    name = record["options"]["image"]
    image = find(engine, name)
    if image is None:
        raise NotFound(f"looking up image {name} to create volume failed: {name}: image not known")
    record["image_id"], record["layers"], record["storage_id"] = image["id"], image["layers"], os.urandom(32).hex()


def _make(engine: Engine, record: VolumeRecord, *, known_to_plugin: bool) -> None:
    durable = not record["anonymous"]
    try:
        step("volume.folder")
        if record["mountpoint"]:
            _make_folder(engine, record, durable=durable)
        elif not known_to_plugin:
            from skerry.engine.volumes.plugins import plugin_of

            plugin_of(engine, record).create(record["name"], record["options"])
        step("volume.record")
        _insert(engine, record, durable=durable)
    except SkerryError:
        if record["mountpoint"]:
            _give_back(record["mountpoint"])
        raise


def _insert(engine: Engine, record: VolumeRecord, *, durable: bool) -> None:
    name = record["name"]
    with engine.store.db.write(durable=durable) as db:
        if "image_id" in record:  # the image cannot go between its look-up and this row
            if not db.query("SELECT 1 FROM images WHERE id = ?", record["image_id"]):
                raise NotFound(f"{record['options']['image']}: image not known")
            db.execute("INSERT OR IGNORE INTO image_users VALUES (?, ?)", record["image_id"], f"volume:{name}")
        db.execute("INSERT INTO volumes VALUES (?, ?, ?)", name, record["created_ns"], fastjson.dumps(record))


def _make_folder(engine: Engine, record: VolumeRecord, *, durable: bool) -> None:
    """``durable``: also where the folder is on another file system than the row that says so."""
    path = record["mountpoint"]
    above = os.path.dirname(path)
    owned = "uid" in record
    try:
        os.makedirs(os.path.dirname(above), mode=0o700, exist_ok=True)
        if "limits" in record:  # before there is anything in it, or that would not count
            from skerry.engine.volumes import quota

            os.makedirs(above, mode=0o755, exist_ok=True)
            quota.limit(engine, above, record["limits"])
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, 0o755)
        if owned:
            for folder in (above, path):
                os.chown(folder, record["uid"], record["gid"])
        if durable:
            fsync_folder(above)
            fsync_folder(os.path.dirname(above))
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot make the volume's folder {path}: {error.strerror}") from None


def _give_back(path: str) -> None:
    for folder in (path, os.path.dirname(path)):
        try:
            os.rmdir(folder)
        except OSError:
            return  # it was not made, or somebody's data is in it
