"""``skerry wait``: until a container is in a state; its exit code."""

from __future__ import annotations

import time

from skerry.engine.containers import exits
from skerry.engine.containers import state as states
from skerry.engine.containers.signals import await_exit
from skerry.errors import Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerState
    from skerry.engine.engine import Engine

_CONDITIONS = {
    "configured": ("created",), "created": ("created", "initialized"), "initialized": ("initialized",),
    "running": ("running",), "paused": ("paused",), "stopping": ("stopping",), "exited": ("exited", "created"),
    "stopped": ("exited", "created"), "removing": ("removing",), "unknown": (), "healthy": (), "unhealthy": (),
}  # fmt: skip
_LOOK_AGAIN_S = 0.05
_HEALTH = ("healthy", "unhealthy")


def wait(engine: Engine, name: str, *, conditions: tuple[str, ...] = (), interval_s: float = 0.25) -> int:
    """Wait for one of ``conditions`` (default: stopped, which one is too that never ran: 0). The exit code, or -1 when
    the container did not end.

    A container that is removed meanwhile counts as stopped; its code is still known."""
    wanted, health = _wanted(conditions)
    container_id = _find(engine, name, health)
    waited_for: int | None = None
    while True:
        try:
            _record, written = states.reload(engine, container_id)
        except NotFound:
            code, _when = states.read_exit(engine, container_id)
            return -1 if code is None else code
        state = states.observe(engine, container_id, written)
        if waited_for is not None and written.get("started_ns") != waited_for and "exited" in wanted:
            return written.get("last_exit_code", 0)  # it ended, and its restart policy was faster than we
        if health and _is_health(engine, container_id, state, health):
            return -1
        between = waited_for is None and "exited" in wanted and states.is_restarting(written)
        if state["status"] in wanted and not between:  # one that starts again in a moment has not come to its end
            return _exit_code(engine, container_id, written, state, ended="exited" in wanted)
        if (
            written["status"] in ("running", "stopping", "initialized")
            and wanted == {"exited", "created"}
            and not health
        ):
            waited_for = written.get("started_ns")
            await_exit(written, -1)
            exits.wait_for_exit_file(engine, container_id, written)
        else:
            time.sleep(interval_s)


def _wanted(conditions: tuple[str, ...]) -> tuple[set[str], set[str]]:
    """States and health."""
    for condition in conditions:
        if condition not in _CONDITIONS:
            raise Invalid(f"unknown container state: {condition}: invalid argument", hint=", ".join(_CONDITIONS))
    wanted = {status for condition in conditions or ("stopped",) for status in _CONDITIONS[condition]}
    return wanted, {condition for condition in conditions if condition in _HEALTH}


def _find(engine: Engine, name: str, health: set[str]) -> str:
    """Its id. `Invalid` when its health is waited for and it has no check."""
    record = states.find(engine, name)[0]
    if health:
        from skerry.engine.health import has_check

        if not has_check(record["config"]):
            raise Invalid(f'cannot use condition "{min(health)}": container {record["id"]} has no healthcheck')
    return record["id"]


def wait_first(
    engine: Engine, names: Sequence[str], *, conditions: tuple[str, ...] = (), interval_s: float = 0.25
) -> int:  # fmt: skip
    """Wait until one of several is as wanted: what `wait` says of it. `NotFound` when one does not exist."""
    wanted, health = _wanted(conditions)
    ids = [_find(engine, name, health) for name in names]
    while True:
        for container_id in ids:
            try:
                state = states.observe(engine, container_id, states.reload(engine, container_id)[1])
            except NotFound:
                return wait(engine, container_id) if "exited" in wanted else -1
            if state["status"] in wanted or (health and _is_health(engine, container_id, state, health)):
                return wait(engine, container_id, conditions=conditions, interval_s=interval_s)
        time.sleep(interval_s)


def wait_until_running(engine: Engine, name: str, seconds: int) -> None:
    """Wait for a container that runs, which need not be there yet. `Unavailable` when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            record, written = states.find(engine, name)
            if states.observe(engine, record["id"], written)["status"] == "running":
                return
        except NotFound:
            pass
        if time.monotonic() >= deadline:
            raise Unavailable(f"timed out waiting for container: {name}")
        time.sleep(_LOOK_AGAIN_S)


def _is_health(engine: Engine, container_id: str, state: ContainerState, health: set[str]) -> bool:
    from skerry.engine.health.results import read

    return state["status"] in states.LIVE and read(engine, container_id, state)["status"] in health


def _exit_code(
    engine: Engine, container_id: str, written: ContainerState, state: ContainerState, *, ended: bool
) -> int:
    if state["status"] == "created" and ended:
        return 0
    if state["status"] != "exited":
        return -1
    if written["status"] in states.LIVE:
        exits.wait_for_exit_file(engine, container_id, written)
        code, _when = states.read_exit(engine, container_id)
        return state["exit_code"] if code is None else code
    return state["exit_code"]
