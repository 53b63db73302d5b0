"""``skerry network connect``, ``disconnect`` and ``reload``."""

from __future__ import annotations

from skerry.engine.containers import exits, records
from skerry.engine.containers import state as states
from skerry.errors import Conflict, Invalid, NotFound
from skerry.network import definitions
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.network.types import NetworkRequest


def connect(engine: Engine, network: str, container: str, request: NetworkRequest) -> None:
    """Join a container to a network, at once if it runs; one that does not run yet may change how it will be on a network
    that it has. ``request`` without its name."""
    name = definitions.find(engine.network, network)["name"]
    container_id = states.find(engine, container)[0]["id"]
    with engine.store.lock("container", container_id):
        record, state = _settled(engine, container_id)
        known = any(each["name"] == name for each in record["networks"])
        if known and state["status"] in states.LIVE:
            raise Conflict(
                f"container {container_id} is already connected to network {name}: network is already connected"
            )
        whole: NetworkRequest = {"aliases": [], "static_ips": [], **request, "name": name}
        if state["status"] in states.LIVE:
            from skerry.engine.containers.network import dns_names
            from skerry.network import change

            step("network.join")
            named: NetworkRequest = {**whole, "aliases": dns_names(record, whole)}
            found = change.join(engine.network, container_id, named)
            state = {**state, "network": {**(state.get("network") or {}), **found}}
        others = [each if each["name"] != name else whole for each in record["networks"]]
        new: ContainerRecord = {**record, "networks": others if known else [*others, whole]}
        records.update(engine, new)
        _noted(engine, new, state)
    engine.events.emit(type="network", status="connect", id=container_id, name=name, network=name)


def disconnect(engine: Engine, network: str, container: str, *, force: bool = False) -> None:
    """Take a container off a network, at once if it runs. With ``force`` a network that is gone is forgotten, too."""
    container_id = states.find(engine, container)[0]["id"]
    name = _name_of(engine, network, force=force)
    with engine.store.lock("container", container_id):
        record, state = _settled(engine, container_id)
        left = [each for each in record["networks"] if each["name"] != name]
        if len(left) == len(record["networks"]):
            raise NotFound(f"container {container} is not connected to network {name}")
        if state["status"] in states.LIVE:
            from skerry.network import change

            step("network.leave")
            change.leave(engine.network, container_id, name)
            status = {key: value for key, value in (state.get("network") or {}).items() if key != name}
            state = {**state, "network": status}
        new: ContainerRecord = {**record, "networks": left}
        records.update(engine, new)
        _noted(engine, new, state)
    engine.events.emit(type="network", status="disconnect", id=container_id, name=name, network=name)


def _name_of(engine: Engine, network: str, *, force: bool) -> str:
    try:
        return definitions.find(engine.network, network)["name"]
    except NotFound:
        if not force:
            raise
        return network


def _settled(engine: Engine, container_id: str) -> tuple[ContainerRecord, ContainerState]:
    """The container as it is, one whose networks can be changed."""
    record, written = states.reload(engine, container_id)
    mode = str(record["config"]["namespaces"]["net"])
    if mode != "bridge":
        raise Invalid(f'"{mode}" is not supported: invalid network mode')
    return record, exits.settle(engine, record, written)


def _noted(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """Write the new state of a running one, and the files that name hosts in it."""
    if state["status"] not in states.LIVE:
        return
    from skerry.engine.containers.network import rewrite_files

    rewrite_files(engine, record, state)
    states.save(engine, record["id"], state)


def reload(engine: Engine, container: str) -> str:
    """Put a running container's firewall rules and names back: its id."""
    container_id = states.find(engine, container)[0]["id"]
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        if state["status"] not in states.LIVE:
            raise Conflict(f"container {container_id} is not running: container state improper")
        restore(engine, record, state)
    return container_id


def restore(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """Under its lock: put a running container's rules and names back, and the helpers that have ended."""
    mode = record["config"]["namespaces"]["net"]
    if mode == "bridge":
        from skerry.network import change

        change.reload(engine.network, record["id"])
    elif mode == "pasta" and missing(engine, record):
        from skerry.engine.containers.network import forward_by_pasta

        forward_by_pasta(engine, record, state, state.get("ports", []))


def missing(engine: Engine, record: ContainerRecord) -> list[str]:
    """The helper programs of a running container's network that have ended, by name."""
    mode = record["config"]["namespaces"]["net"]
    if mode == "bridge":
        from skerry.network import change

        return change.missing(engine.network, record["id"])
    if mode == "pasta":
        from skerry.engine.containers.network import pasta_runs

        return [] if pasta_runs(engine, record) else ["pasta"]
    return []
