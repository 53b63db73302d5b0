"""Restarting: on demand, and by a container's restart policy when it ended by itself."""

from __future__ import annotations

import time

from skerry.engine.containers import state as states
from skerry.engine.containers.signals import stop
from skerry.engine.containers.start import start

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine


def restart(engine: Engine, name: str, *, timeout_s: float | None = None) -> str:
    """Stop (if it runs) and start a container; its id."""
    container_id = states.find(engine, name)[0]["id"]
    stop(engine, container_id, timeout_s=timeout_s)
    record = start(engine, container_id)
    engine.events.emit_container("restart", record)
    return container_id


def restart_by_policy(engine: Engine, record: ContainerRecord, state: ContainerState) -> bool:
    """Start the container again if its policy says so; whether it did. Called by what cleans up after an exit."""
    policy = record["restart"]
    if state.get("stopped_by_user") or policy["name"] == "no":
        return False
    if policy["name"] == "on-failure":
        if state["exit_code"] == 0:
            return False
        if policy["max_retries"] and state.get("restarts", 0) >= policy["max_retries"]:
            return False
    _back_off(state)
    states.save(engine, record["id"], {**state, "restarts": state.get("restarts", 0) + 1})
    start(engine, record["id"], by_policy=True)
    engine.events.emit_container("restart", record)
    return True


def _back_off(state: ContainerState) -> None:
    """A program that dies at once must not keep the machine busy: 0.1 s doubling to 10 s while it lives under 10 s."""
    lived_s = (state.get("finished_ns", 0) - state.get("started_ns", 0)) / 1e9
    if lived_s < 10 and state.get("restarts", 0):
        time.sleep(min(10.0, 0.1 * 2 ** min(state["restarts"], 8)))
