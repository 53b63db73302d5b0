"""Removing volumes."""

from __future__ import annotations

import os

from skerry.config.launcher import spoken_name
from skerry.engine.disk_usage import tree_size
from skerry.engine.volumes import mounting
from skerry.engine.volumes.find import find, users
from skerry.engine.volumes.view import list_volumes
from skerry.errors import InUse, Invalid, NotFound, SkerryError, Unavailable
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord
    from skerry.store.database import Database

REMOVED = ".removed-"  # no volume's name begins with a dot
_PRUNE_FILTERS = ("all", "anonymous", "label", "label!", "until", "after", "since")


def remove(
    engine: Engine, name: str, *, force: bool = False, timeout_s: float | None = None, gone_from_plugin: bool = False
) -> str:
    """Remove a volume; its name. With ``force`` the containers that use it go first, and a plugin that fails does not
    keep it. `Unavailable` when its plugin was not there to forget it: it is gone here all the same, as with Podman."""
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
        try:
            engine.containers.remove(container, force=True, timeout_s=timeout_s)
        except NotFound:
            continue  # it went by itself
    with engine.store.lock("volume", record["name"], fleeting=True) as lock:
        unheard = _remove_locked(engine, record, force=force, gone_from_plugin=gone_from_plugin)
        lock.release(remove=True)
    name, labels = record["name"], record["labels"]
    engine.events.emit(type="volume", status="remove", id=name, name=name, attributes=labels or None)
    if unheard:
        raise Unavailable(unheard)
    return record["name"]


def _remove_locked(engine: Engine, record: VolumeRecord, *, force: bool, gone_from_plugin: bool) -> str:
    """What is to be told when its plugin was not there."""
    name = record["name"]
    if users(engine, name):
        raise InUse(f"volume {name} is being used: volume is being used")
    if mounting.needs_mount(record):
        try:
            mounting.take_down(engine, name, record)
        except SkerryError:
            if record["mountpoint"] or not force:
                raise  # never the files of what is mounted there
    unheard = ""
    if not record["mountpoint"] and not gone_from_plugin:
        unheard = _remove_from_plugin(engine, record, force=force)
    top = os.path.dirname(record["mountpoint"])
    if top:
        _refuse_mounts(top)
    if record["driver"] == "image":
        step("volume.remove-upper")  # before the row: without it nobody would know that this is a volume's
        _remove_folder(f"{top}/upper", os.path.dirname(top))
    step("volume.remove-row")
    engine.store.db.free(lambda db: _delete_row(db, name), durable=True)
    step("volume.remove-folder")
    if top and "limits" in record:
        from skerry.engine.volumes import quota

        quota.lift(top)
    if top:
        _remove_folder(top, os.path.dirname(top))
    return unheard


def _remove_from_plugin(engine: Engine, record: VolumeRecord, *, force: bool) -> str:
    from skerry.engine.volumes.plugins import Missing, plugin_of

    step("volume.remove-from-plugin")
    name, driver = record["name"], record["driver"]
    gone = f"but it has been removed from {'Podman' if spoken_name() == 'podman' else 'Skerry'}"
    try:
        plugin = plugin_of(engine, record)
    except Missing:
        return f"cannot remove volume {name} from plugin {driver}, {gone}: required plugin missing"
    try:
        plugin.get(name)
    except Unavailable as error:
        return f"volume {name} could not be retrieved from plugin {driver}, {gone}: {error.message}"
    try:
        plugin.remove(name)
    except Unavailable as error:
        said = f"volume {name} could not be removed from plugin {driver}: {error.message}"
        if not force:
            raise Unavailable(said) from None
        engine.warn(said)
    return ""


def _refuse_mounts(path: str) -> None:
    """What somebody mounted in there by other means is not the volume's, and would be emptied with it."""
    with open("/proc/self/mounts", "rb") as file:
        mounted = b" " + os.fsencode(path).replace(b" ", b"\\040") + b"/" in file.read()
    if mounted:
        raise InUse(f"something is mounted below {path}", hint=f"grep {path} /proc/mounts", exit_code=125)


def _remove_folder(path: str, top: str) -> None:
    """Under another name first: cut in between, a check can tell half a removed volume from a lost row."""
    gone = os.path.join(top, f"{REMOVED}{os.urandom(8).hex()}")
    try:
        os.rename(path, gone)
    except FileNotFoundError:
        return  # somebody took the folder away
    remove_tree(gone)


def _delete_row(db: Database, name: str) -> None:
    # In one transaction: a container that is being recorded sees the volume gone, or is seen.
    if db.query("SELECT 1 FROM volume_users WHERE volume = ?", name):
        raise InUse(f"volume {name} is being used: volume is being used")
    db.execute("DELETE FROM image_users WHERE user = ?", f"volume:{name}")
    db.execute("DELETE FROM volumes WHERE name = ?", name)


def unused(engine: Engine, filters: Sequence[str] = (), *, all: bool = False) -> list[dict[str, Any]]:
    """What `prune` would remove: volumes without a given name; of all with ``all``, or where filters choose (as Podman).
    `Invalid` for a filter that pruning does not know."""
    kept, only_anonymous = [], False
    for item in filters:
        key, _, value = item.partition("=")
        if key not in _PRUNE_FILTERS:
            raise Invalid(f'"{key}" is an invalid volume filter', hint=", ".join(_PRUNE_FILTERS))
        if key == "all":
            if value.lower() not in ("true", "1", "y", "yes", "false", "0", "n", "no"):
                raise Invalid(f'"{value}" is not a valid value for the "all" filter - must be true or false')
            all = all or value.lower() in ("true", "1", "y", "yes")
            only_anonymous = not all
        else:
            kept.append(item)
    everything = all or (bool(kept) and not only_anonymous)
    return list_volumes(engine, ["dangling=true", *([] if everything else ["anonymous=true"]), *kept])


def prune(engine: Engine, filters: Sequence[str] = (), *, all: bool = False) -> list[tuple[str, int]]:
    """Remove volumes that no container uses; (name, bytes) of each. Without ``all`` only those without a given name."""
    removed = []
    for row in unused(engine, filters, all=all):
        size = tree_size(row["Mountpoint"]) if row["Mountpoint"] else 0
        try:
            remove(engine, row["Name"])
        except (InUse, NotFound):
            continue  # a container took it, or another command removed it, meanwhile
        engine.events.emit(type="volume", status="prune", id=row["Name"], name=row["Name"])
        removed.append((row["Name"], size))
    return removed
