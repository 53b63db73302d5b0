"""Secrets as ``secret ls`` and ``secret inspect`` show them."""

from __future__ import annotations

from skerry.engine.patterns import pattern
from skerry.engine.secrets.find import all_secrets, find, lookup
from skerry.engine.times import go_string, rfc3339
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.secrets.types import SecretRecord


def inspect(engine: Engine, name: str, *, data: bool = False, as_json: bool = True) -> dict[str, Any]:
    """See `Secrets.inspect`."""
    record, said = lookup(engine, name) if data else (find(engine, name), b"")
    moment = rfc3339 if as_json else go_string
    shown: dict[str, Any] = {
        "ID": record["id"],
        "CreatedAt": moment(record["created_ns"]),
        "UpdatedAt": moment(record["updated_ns"]),
        "Spec": {
            "Name": record["name"],
            "Driver": {"Name": record["driver"], "Options": record["options"]},
            "Labels": record["labels"],
        },
    }
    if data:
        shown["SecretData"] = said.decode("utf-8", "replace" if as_json else "surrogateescape")
    return shown


def list_secrets(engine: Engine, filters: Sequence[str] = ()) -> list[SecretRecord]:
    """All secrets that match any of the filters (so are Podman's here), by name."""
    tests = [_test(item) for item in filters]
    return [record for record in all_secrets(engine) if not tests or any(test(record) for test in tests)]


def _test(item: str) -> Callable[[SecretRecord], bool]:
    key, equals, value = item.partition("=")
    if not equals:
        raise Invalid(f"filter input must be in the form of filter=value: {item} is invalid")
    if key not in ("name", "id"):
        raise Invalid(f'invalid filter "{key}"', hint="name or id")
    matches = pattern(value)
    return lambda record: matches(record["name"] if key == "name" else record["id"])
