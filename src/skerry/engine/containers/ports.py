"""Where a running container's ports are published."""

from __future__ import annotations

from skerry.engine.containers import state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def published(engine: Engine, name: str) -> list[tuple[int, str, str, int]]:
    """(port inside, protocol, host's address, host's port), one by one; none for a container that does not run."""
    record, written = states.find(engine, name)
    state = states.observe(engine, record["id"], written)
    if state["status"] not in states.LIVE:
        return []
    if state.get("publishing"):
        from skerry.engine.containers.update import finished

        record, state = finished(engine, record, state)
    found = []
    for port in state.get("ports") or record["ports"]:
        for protocol in port["protocol"].split(","):
            for number in range(port["range"] or 1):
                inside, outside = port["container_port"] + number, port["host_port"] + number
                found.append((inside, protocol, port["host_ip"] or "0.0.0.0", outside))
    return found
