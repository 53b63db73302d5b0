"""Networks as ``network ls`` and ``network inspect`` show them."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.patterns import labelled, pattern
from skerry.engine.units import parse_bool
from skerry.errors import Invalid, NotFound
from skerry.network import definitions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.network.types import Network


def members(engine: Engine) -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """Network → its containers of this store: (id, name, the network's part of the container's status)."""
    found: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for doc, written in engine.store.db.query("SELECT doc, state FROM containers"):
        record, state = fastjson.loads(doc), fastjson.loads(written)
        for request in record.get("networks") or ():
            status = (state.get("network") or {}).get(request["name"]) or {}
            found.setdefault(request["name"], []).append((record["id"], record["name"], status))
    return found


def shown(network: Network) -> dict[str, Any]:
    """A network with every key that a template may name."""
    return {"routes": [], "network_dns_servers": [], "labels": {}, "options": {}, **network}


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """One network with its running containers; `NotFound`."""
    network = definitions.find(engine.network, name)
    running = {
        container: {"name": label, "interfaces": status["interfaces"]}
        for container, label, status in members(engine).get(network["name"], ()) if status
    }  # fmt: skip
    return {**network, "containers": running}


def exists(engine: Engine, name: str) -> bool:
    """Whether there is a network with this name or id."""
    try:
        definitions.find(engine.network, name)
    except NotFound:
        return False
    return True


def list_networks(engine: Engine, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
    """All networks that match every filter; filters with the same key are alternatives, but for labels."""
    groups: dict[str, list[Callable[[Network], bool]]] = {}
    for item in filters:
        key, test = _test(engine, item)
        groups.setdefault(key, []).append(test)
    return [
        dict(network) for network in definitions.all_networks(engine.network)
        if all(any(test(network) for test in tests) for tests in groups.values())
    ]  # fmt: skip


def _test(engine: Engine, item: str) -> tuple[str, Callable[[Network], bool]]:
    key, equals, value = item.partition("=")
    if not equals:
        raise Invalid(f'invalid filter "{item}"', hint="KEY=VALUE")
    if key == "name":
        matches = pattern(value)
        return key, lambda network: matches(network["name"])
    if key == "id":
        return key, lambda network: network["id"].startswith(value)
    if key == "driver":
        return key, lambda network: network["driver"] == value
    if key in ("label", "label!"):
        has, wanted = labelled(value), key == "label"
        return item, lambda network: has(network.get("labels") or {}) == wanted
    if key == "dangling":
        used, wanted = members(engine), _bool(value)
        default = engine.network.default_network
        return key, lambda network: (network["name"] != default and network["name"] not in used) == wanted
    if key == "until":
        from skerry.engine.moments import parse_moment

        limit = parse_moment(value, key, past=True)
        return key, lambda network: parse_moment(network["created"], key, past=True) < limit
    raise Invalid(f'invalid filter "{key}"', hint="name, id, driver, label, label!, dangling or until")


def _bool(text: str) -> bool:
    try:
        return parse_bool(text)
    except Invalid:
        raise Invalid(f'invalid dangling filter value "{text}"') from None
