"""Volumes as ``volume ls`` and ``volume inspect`` show them."""

from __future__ import annotations

from skerry.engine.patterns import labelled, pattern
from skerry.engine.times import rfc3339
from skerry.engine.volumes.find import all_volumes, find, users
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord

_TRUE, _FALSE = ("true", "1"), ("false", "0")


def shown(engine: Engine, record: VolumeRecord) -> dict[str, Any]:
    """Podman's keys of ``volume inspect``."""
    mounts = 0
    mountpoint = record["mountpoint"]
    if record["options"] or record["driver"] != "local":
        from skerry.engine.volumes import mounting

        mounts = mounting.mount_count(engine, record)
        mountpoint = mountpoint or mounting.where(engine, record)
    return {
        "Name": record["name"],
        "Driver": record["driver"],
        "Mountpoint": mountpoint,
        "CreatedAt": rfc3339(record["created_ns"]),
        "Labels": record["labels"],
        "Scope": "local",
        "Options": record["options"],
        "UID": record.get("uid", 0),
        "GID": record.get("gid", 0),
        "Anonymous": record["anonymous"],
        "MountCount": mounts,
        "NeedsCopyUp": record["needs_copy_up"],
        "NeedsChown": record.get("needs_chown", True),
        "Timeout": record.get("timeout_s", 0),
        "StorageID": record.get("storage_id", ""),
        "Status": None,
        "LockNumber": 0,
    }


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """One volume; of a plugin's also what that tells of it."""
    record = find(engine, name)
    found = shown(engine, record)
    if not record["mountpoint"]:
        from skerry.engine.volumes.plugins import plugin_of

        try:
            found["Status"] = plugin_of(engine, record).status(record["name"])
        except SkerryError as error:
            engine.warn(error.message)
    return found


def list_volumes(engine: Engine, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All volumes that match every filter; filters with the same key are alternatives."""
    groups: dict[str, list[Callable[[VolumeRecord], bool]]] = {}
    for item in filters:
        key, test = _test(engine, item)
        groups.setdefault(key, []).append(test)
    return [
        shown(engine, record) for record in all_volumes(engine)
        if all(any(test(record) for test in alternatives) for alternatives in groups.values())
    ]  # fmt: skip


def _test(engine: Engine, item: str) -> tuple[str, Callable[[VolumeRecord], bool]]:
    key, _, value = item.partition("=")
    if key in ("label", "label!"):
        has, wanted = labelled(value), key == "label"
        return item, lambda record: has(record["labels"]) == wanted
    if key in ("dangling", "anonymous"):
        if value.lower() not in _TRUE + _FALSE:
            raise Invalid(f'"{value}" is not a valid value for the "{key}" filter - must be true or false')
        wanted = value.lower() in _TRUE
        if key == "anonymous":
            return key, lambda record: record["anonymous"] == wanted
        return key, lambda record: (not users(engine, record["name"])) == wanted
    if key in ("after", "since"):
        moment = find(engine, value)["created_ns"]
        return "after", lambda record: record["created_ns"] > moment
    if key == "until":
        from skerry.engine.moments import parse_moment

        limit = parse_moment(value, key, past=True)
        return key, lambda record: record["created_ns"] < limit
    return key, _plain(key, value)


def _plain(key: str, value: str) -> Callable[[VolumeRecord], bool]:
    if key == "name":
        matches = pattern(value)
        return lambda record: matches(record["name"])
    if key == "driver":
        return lambda record: record["driver"] == value
    if key == "scope":
        return lambda _record: value == "local"
    if key == "opt":
        name, _, text = value.partition("=")
        return lambda record: name in record["options"] and text in ("", record["options"][name])
    raise Invalid(
        f'"{key}" is an invalid volume filter',
        hint="after, anonymous, dangling, driver, label, label!, name, opt, scope, since or until",
    )
