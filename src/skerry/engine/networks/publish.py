"""``skerry update --publish-add`` and ``--publish-rm``: ports of a container that exists, at once if it runs.

The state says that ports are being changed before the kernel is told anything, and the record gets them last: killed in
between, whoever meets the container next puts the old ones back (`put_back`).
"""

from __future__ import annotations

from skerry.engine.containers import exits, records
from skerry.engine.containers import state as states
from skerry.engine.containers.network import reserved_ports
from skerry.errors import Conflict, Invalid, NotFound, SkerryError
from skerry.network.ports import chosen, claim, overlap, parse_publish
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.network.types import PortMapping


def publish(
    engine: Engine, container: str, *, add: Sequence[PortMapping] = (), remove: Sequence[str] = ()
) -> list[PortMapping]:
    """Publish ports of a container, and no longer those that ``remove`` names (CONTAINER_PORT[/PROTOCOL], or as they
    were published), at once if it runs and for its next starts: all that it then has."""
    container_id = states.find(engine, container)[0]["id"]
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        change = plan(record, state, add, remove)
        state = change.apply(engine, record, state)
        records.update(engine, {**record, "ports": change.asked}, state)
        return state.get("ports") or change.asked


class Change:
    """``asked`` is what the record gets; ``add`` and ``remove`` (as they are now) is what a running one needs."""

    __slots__ = ("add", "asked", "remove")

    def __init__(self, asked: list[PortMapping], add: list[PortMapping], remove: list[PortMapping]) -> None:
        self.asked, self.add, self.remove = asked, add, remove

    def apply(self, engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerState:
        """Do it in the kernel; the state to be written together with the record. After an error all is as before."""
        if state["status"] not in states.LIVE:
            return state
        step("network.publishing")
        states.save(engine, record["id"], {**state, "publishing": True})
        try:
            ports = _now(engine, record, state, self)
        except SkerryError:
            states.save(engine, record["id"], put_back(engine, record, {**state, "publishing": True}))
            raise
        step("network.published")
        return {**state, "ports": ports, "publishing": False}


def plan(
    record: ContainerRecord, state: ContainerState, add: Sequence[PortMapping], remove: Sequence[str]
) -> Change:  # fmt: skip
    """What is to be done. `NotFound`: it publishes no such port; `Conflict`: twice the same; `Invalid`: it has no
    network of its own."""
    mode = str(record["config"]["namespaces"]["net"])
    if mode not in ("bridge", "pasta"):
        raise Invalid(f'a container with the network mode "{mode}" cannot publish ports')
    live = state["status"] in states.LIVE
    gone = [pair for text in remove for pair in _published(record, state.get("ports") if live else None, text)]
    asked = [port for port in record["ports"] if not any(port is each[0] for each in gone)]
    add = chosen(list(add))
    for port in add:
        if any(overlap(claim(port), claim(other)) for other in asked if other["host_port"]):
            raise Conflict(f"the container publishes port {port['host_port']} already")
        asked.append(port)
    return Change(asked, list(add), [each[1] for each in gone])


def _published(
    record: ContainerRecord, live: list[PortMapping] | None, text: str
) -> list[tuple[PortMapping, PortMapping]]:
    """(as asked for, as it is now) of the mappings that ``text`` means."""
    now = live or record["ports"]
    found = [
        (port, now[index])
        for index, port in enumerate(record["ports"])
        for want in parse_publish(text)
        if port["container_port"] == want["container_port"] and port["range"] == want["range"]
        and port["protocol"] == want["protocol"]
        and (not want["host_port"] or now[index]["host_port"] == want["host_port"])
        and (not want["host_ip"] or port["host_ip"] == want["host_ip"])
    ]  # fmt: skip
    if not found:
        raise NotFound(f'container {record["id"]} publishes no port "{text}"', hint=f"skerry port {record['name']}")
    return found


def _now(engine: Engine, record: ContainerRecord, state: ContainerState, change: Change) -> list[PortMapping]:
    step("network.publish")
    if record["config"]["namespaces"]["net"] == "bridge":
        from skerry.network.change import publish as publish_now

        return publish_now(engine.network, record["id"], change.add, change.remove, reserved_ports(state))
    from skerry.engine.containers.network import forward_by_pasta

    left = [port for port in state.get("ports", ()) if port not in change.remove]
    return forward_by_pasta(engine, record, state, [*left, *change.add])


def put_back(engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerState:
    """Make a running container publish what its state says, after a change that failed or was cut off: the new state.
    Under its lock. ``record`` is changed (and written) when a port is lost because somebody took it meanwhile."""
    before = state.get("ports", [])
    if record["config"]["namespaces"]["net"] == "bridge":
        from skerry.network.change import set_ports

        kept = set_ports(engine.network, record["id"], before, reserved_ports(state))
    else:
        from skerry.engine.containers.network import forward_by_pasta

        kept = forward_by_pasta(engine, record, state, before)
    lost = [index for index, port in enumerate(before) if port not in kept]
    if lost:
        record["ports"] = [port for index, port in enumerate(record["ports"]) if index not in lost]
        for index in lost:
            engine.warn(f"port {before[index]['host_port']} of container {record['id'][:12]} was taken by another one")
        records.update(engine, record)
    return {**state, "ports": kept, "publishing": False}
