"""Restarting: on demand, and by a container's restart policy when it ended by itself.

Whoever cleans up after an exit starts the container again at once; one that keeps ending is started by the supervisor
after a while (``restart_due_ns`` in its state, on the clock that nobody can set), so that no command has to wait for it.
"""

from __future__ import annotations

import os
import time

from skerry.engine import supervisor
from skerry.engine.containers import state as states
from skerry.engine.containers.signals import end, stop
from skerry.engine.containers.start import start
from skerry.errors import Conflict, SkerryError
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

_SHORT_LIFE_S, _FIRST_S, _LONGEST_S = 10, 0.1, 10.0


def restart(engine: Engine, name: str, *, timeout_s: float | None = None) -> str:
    """Stop (if it runs) and start a container; its id."""
    record, written = states.find(engine, name)
    container_id = record["id"]
    if states.observe(engine, container_id, written)["status"] == "paused":
        raise Conflict("unable to restart a container in a paused or unknown state: container state improper")
    stop(engine, container_id, timeout_s=timeout_s)
    record = start(engine, container_id)
    engine.events.emit_container("restart", record)
    return container_id


def restart_by_policy(engine: Engine, record: ContainerRecord, state: ContainerState) -> bool:
    """Start the container again if its policy says so, now or after a while; whether it does.

    Called by what cleans up after an exit."""
    if state.get("restart_due_ns"):
        supervisor.watch(engine, record["id"])  # it was stopped in order to be started, and who did that was killed
        return True
    if not wants(record, state):
        return False
    pause_s = back_off_s(state)
    if pause_s:
        return _later(engine, record, pause_s)
    _start(engine, record)
    return True


def restart_unhealthy(engine: Engine, container_id: str) -> None:
    """Stop it and start it again, counted as a restart by its policy."""
    end(engine, container_id, restarting=True)
    restart_due(engine, container_id)


def restart_due(engine: Engine, container_id: str) -> None:
    """Start a container whose time has come; nothing to do when it runs again, or was stopped by somebody."""
    record, state = states.reload(engine, container_id)
    if state["status"] == "exited" and state.get("restart_due_ns"):
        _start(engine, record)


def _start(engine: Engine, record: ContainerRecord) -> None:
    try:
        start(engine, record["id"], by_policy=True)
    except SkerryError:
        # Its port may be taken for a moment, the disk full: tried again, as long as the policy allows.
        now = states.reload(engine, record["id"])[1]
        if now["status"] in ("created", "exited") and wants(record, {**now, "exit_code": 1}):
            _later(engine, record, _pause(now.get("restarts", 0) + 1), failed=True)
        raise


def wants(record: ContainerRecord, state: ContainerState) -> bool:
    """Whether the container, which ended by itself, is to run again."""
    policy = record["restart"]
    if state.get("stopped_by_user") or state.get("let_go") or policy["name"] == "no":
        return False
    if policy["name"] != "on-failure":
        return True
    if state["exit_code"] == 0:
        return False
    return not policy["max_retries"] or state.get("restarts", 0) < policy["max_retries"]


def back_off_s(state: ContainerState) -> float:
    """A program that dies at once must not keep the machine busy: 0.1 s doubling to 10 s while it lives under 10 s."""
    # Told by the process's own start: clocks may be set while it runs.
    lived_s = time.clock_gettime(time.CLOCK_BOOTTIME) - state.get("pid_start", 0) / os.sysconf("SC_CLK_TCK")
    restarts = state.get("restarts", 0)
    return _pause(restarts) if restarts and lived_s < _SHORT_LIFE_S else 0.0


def _pause(restarts: int) -> float:
    return min(_LONGEST_S, _FIRST_S * (1 << min(restarts, 8)))


def _later(engine: Engine, record: ContainerRecord, pause_s: float, *, failed: bool = False) -> bool:
    """Have the supervisor do it. Under the lock: somebody may start or stop it in this moment."""
    container_id = record["id"]
    with engine.store.lock("container", container_id, fleeting=True):
        state = states.reload(engine, container_id)[1]
        if state["status"] not in ("exited", "created") or state.get("stopped_by_user"):
            return False
        due_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) + int(pause_s * 1e9)
        new: ContainerState = {**state, "status": "exited", "restart_due_ns": due_ns}
        if failed:
            new["restarts"] = state.get("restarts", 0) + 1
        step("container.restart-due")
        states.save(engine, container_id, new)
    supervisor.watch(engine, container_id)
    return True
