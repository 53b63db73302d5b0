"""``skerry update --health-…``: another health check for a container that exists; at once, if it runs."""

from __future__ import annotations

from skerry.engine import supervisor
from skerry.engine.containers import records
from skerry.engine.containers import state as states
from skerry.engine.health import is_timed
from skerry.engine.health.config import change

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine


def update_health(engine: Engine, name: str, options: Mapping[str, Any]) -> str:
    """Change the container's health check by the flags of `HEALTH_FLAGS` that were given (as ``create`` names them); its id.

    `Invalid` when they make no sense together."""
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id):
        record, state = states.reload(engine, container_id)
        change(options, record["config"])
        records.update(engine, record)
    changed(engine, record, state)
    return container_id


def changed(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """After a record with another health check was written: tell the supervisor."""
    running = states.observe(engine, record["id"], state)["status"] in ("running", "paused")
    if running and is_timed(record["config"]):
        supervisor.watch(engine, record["id"])
    elif running:
        supervisor.release(engine, record["id"])
