"""Volumes as ``volume ls`` and ``volume inspect`` show them."""

from __future__ import annotations

from skerry.engine.patterns import pattern
from skerry.engine.times import rfc3339
from skerry.engine.volumes.find import all_volumes, users
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord


def shown(record: VolumeRecord) -> dict[str, Any]:
    """Podman's keys of ``volume inspect``."""
    return {
        "Name": record["name"],
        "Driver": record["driver"],
        "Mountpoint": record["mountpoint"],
        "CreatedAt": rfc3339(record["created_ns"]),
        "Labels": record["labels"],
        "Scope": "local",
        "Options": record["options"],
        "Anonymous": record["anonymous"],
        "MountCount": 0,
        "NeedsCopyUp": record["needs_copy_up"],
        "NeedsChown": record.get("needs_chown", True),
        "LockNumber": 0,
    }


def list_volumes(engine: Engine, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All volumes that match every filter; filters with the same key are alternatives."""
    tests = [_test(engine, item) for item in filters]
    groups: dict[str, list[Callable[[VolumeRecord], bool]]] = {}
    for key, test in tests:
        groups.setdefault(key, []).append(test)
    return [
        shown(record) for record in all_volumes(engine)
        if all(any(test(record) for test in alternatives) for alternatives in groups.values())
    ]  # fmt: skip


def _test(engine: Engine, item: str) -> tuple[str, Callable[[VolumeRecord], bool]]:
    key, _, value = item.partition("=")
    if key == "name":
        matches = pattern(value)
        return key, lambda record: matches(record["name"])
    if key == "driver":
        return key, lambda record: record["driver"] == value
    if key in ("label", "label!"):
        name, equals, text = value.partition("=")

        def labelled(record: VolumeRecord) -> bool:
            has = name in record["labels"] and (not equals or record["labels"][name] == text)
            return has == (key == "label")

        return item, labelled
    if key == "dangling" and value.lower() in ("true", "false", "1", "0"):
        wanted = value.lower() in ("true", "1")
        return key, lambda record: (not users(engine, record["name"])) == wanted
    if key == "until":
        from skerry.engine.moments import parse_moment

        limit = parse_moment(value, key, past=True)
        return key, lambda record: record["created_ns"] < limit
    raise Invalid(f'"{key}" is an invalid volume filter', hint="name, label, label!, driver, dangling or until")
