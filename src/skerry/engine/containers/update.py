"""``skerry update``: other limits, ports, environment, restart policy and health check for a container that exists.

The record says first what is to be, and the state beside it what was; then the kernel is told, and then the state
forgets. Killed in between, whoever meets the container next goes on (`resume`). What the kernel refuses is undone.
"""

from __future__ import annotations

from skerry.engine import supervisor
from skerry.engine.containers import exits, records
from skerry.engine.containers import state as states
from skerry.engine.containers.options.process import changed_environment
from skerry.engine.containers.options.resources import changed
from skerry.engine.containers.options.restart import restart_policy
from skerry.engine.containers.restart import wants
from skerry.errors import SkerryError
from skerry.runtime import oci
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import UpdateOptions
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.networks.publish import Change
    from skerry.runtime.types import Resources


def update(engine: Engine, name: str, options: UpdateOptions) -> str:
    """Change the container by the flags that were given; its id. All or nothing.

    A running one gets limits, ports and health check at once, the environment and ulimits with its next start (programs
    of ``exec`` have the new environment at once). `Invalid`, `Conflict` (a port), `Unsupported`."""
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        new, limits = _changed(record, options)
        ports = _ports(record, state, options)
        state = _commit(engine, record, new, state, limits, ports)
    if any("health" in key for key in options):
        from skerry.engine.health.update import changed as health_changed

        health_changed(engine, new, state)
    engine.events.emit_container("update", new)
    return container_id


def _changed(record: ContainerRecord, options: UpdateOptions) -> tuple[ContainerRecord, Resources]:
    """The new record, and the limits that were asked for."""
    config = record["config"]
    new: ContainerRecord = {**record, "config": {**config}}
    new["config"]["resources"], limits = changed(options, config.get("resources", {}))
    if options.get("env") or options.get("unsetenv"):
        new["config"]["env"] = changed_environment(config["env"], options)
    if options.get("ulimit"):
        new["config"]["ulimits"] = _ulimits(config.get("ulimits", []), options["ulimit"])
    if options.get("restart"):
        new["restart"] = restart_policy(options["restart"], removes_itself=record["auto_remove"])
    if any("health" in key for key in options):
        from skerry.engine.health.config import change

        change(options, new["config"])
    return new, limits


def _ulimits(old: list[str], given: list[str]) -> list[str]:
    from skerry.runtime.limits import parse_ulimit

    names = {parse_ulimit(item)[0] for item in given if item != "host"}
    return [*(item for item in old if item != "host" and parse_ulimit(item)[0] not in names), *given]


def _ports(record: ContainerRecord, state: ContainerState, options: UpdateOptions) -> Change | None:
    if not options.get("publish_add") and not options.get("publish_rm"):
        return None
    from skerry.engine.networks.publish import plan
    from skerry.network.ports import parse_publish

    add = [mapping for text in options.get("publish_add", ()) for mapping in parse_publish(text)]
    return plan(record, state, add, options.get("publish_rm", ()))


def _commit(
    engine: Engine, old: ContainerRecord, new: ContainerRecord, state: ContainerState, limits: Resources,
    ports: Change | None,
) -> ContainerState:  # fmt: skip
    live = state["status"] in states.LIVE
    if new["restart"] != old["restart"] and not live and not wants(old, state):
        state = {**state, "let_go": True}  # what cleans up after the end may not have asked its policy yet
    if new["restart"]["name"] == "no" and state.get("restart_due_ns"):
        state = {**state, "restart_due_ns": 0}  # it waited to be started again
        supervisor.release(engine, old["id"])
    if not live or not (limits or ports):
        records.update(engine, _with(new, ports), state)
        return state
    before = old["config"].get("resources", {})
    if limits:
        _require_group(engine, state, limits)
        records.update(engine, new, {**state, "updating": before})
    try:
        if limits:
            _adjust(engine, new, state, limits)
        if ports:
            state = ports.apply(engine, new, state)
    except SkerryError:
        if limits:
            _undo(engine, old, state, limits)
            records.update(engine, old, {**states.reload(engine, old["id"])[1], "updating": None})
        raise
    records.update(engine, _with(new, ports), {**state, "updating": None})
    return state


def _with(record: ContainerRecord, ports: Change | None) -> ContainerRecord:
    return {**record, "ports": ports.asked} if ports else record


def _require_group(engine: Engine, state: ContainerState, limits: Resources) -> None:
    if not state.get("cgroup_path"):
        from skerry.linux.cgroup import is_unified
        from skerry.runtime.limits import without_cgroup

        without_cgroup(limits, default_pids=0, cgroup_v2=is_unified(), warn=engine.warn)


def _adjust(engine: Engine, record: ContainerRecord, state: ContainerState, limits: Resources) -> None:
    from skerry.runtime.adjust import adjust

    if state.get("cgroup_path"):
        step("container.limits")
        adjust(oci.of(engine.settings, record["config"]), record["id"], limits, pid=state["pid"])


def _undo(engine: Engine, record: ContainerRecord, state: ContainerState, limits: Resources) -> None:
    from skerry.runtime.adjust import before

    try:
        _adjust(engine, record, state, before(record["config"].get("resources", {}), limits))
    except SkerryError as error:
        engine.log(f"{record['id'][:12]}: limits as before: {error}")  # the first error is the one that matters


def resume(engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerState:
    """Finish an update that was cut off; the new state, written. Under the lock. ``record`` is changed when the kernel
    does not take its limits: then they are those from before."""
    limits = state.get("updating")
    new: ContainerState = {**state, "updating": None}
    live = state["status"] in states.LIVE
    if live and state.get("publishing"):
        from skerry.engine.networks.publish import put_back

        new = put_back(engine, record, new)
    new["publishing"] = False
    if live and limits is not None:
        try:
            _adjust(engine, record, state, record["config"].get("resources", {}))
        except SkerryError as error:
            engine.warn(f"{record['id'][:12]}: an update was cut off, and its limits are not possible: {error.message}")
            touched = record["config"].get("resources", {})
            record["config"]["resources"] = limits
            _undo(engine, record, state, touched)
    records.update(engine, record, new)
    return new


def finished(engine: Engine, record: ContainerRecord, state: ContainerState) -> tuple[ContainerRecord, ContainerState]:
    """For commands that only look: the container without a half-done update."""
    if not state.get("publishing") and state.get("updating") is None:
        return record, state
    with engine.store.lock("container", record["id"]):
        record, written = states.reload(engine, record["id"])
        return record, exits.settle(engine, record, written)
