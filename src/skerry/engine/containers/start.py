"""``skerry start`` and the second half of ``run``: mount, network, spec, conmon, go.

Killed anywhere: what was made is found again by the container's run folder and by the network's leases, and the
next command that meets the container takes it down first (`exits.take_down`).
"""

from __future__ import annotations

import time

from skerry.engine.containers import exits, run_files
from skerry.engine.containers import state as states
from skerry.engine.containers.initialize import initialize, wants_notice
from skerry.errors import Conflict, NotFound, SkerryError
from skerry.linux import process
from skerry.runtime import oci
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine


def start(
    engine: Engine,
    container_id: str,
    *,
    ready: Callable[[ContainerRecord], None] | None = None,
    foreground: bool = False,
    by_policy: bool = False,
    window: tuple[int, int] | None = None,
) -> ContainerRecord:
    """Start a created or stopped container; one that runs already is left alone.

    ``ready`` is called when the container is created and its program not yet executed (to attach without losing
    output). ``foreground``: the caller stays and cleans up itself; conmon's exit command only acts if it dies.
    ``by_policy``: its restart policy does it; anybody else's start begins to count restarts anew. ``window``: rows and
    columns of its terminal from the start.
    `Conflict` in other states, `CommandNotFound`, `CommandNotRunnable`, `Unavailable`, …"""
    with engine.store.lock("container", container_id) as lock:
        try:
            record, written = states.reload(engine, container_id)
        except NotFound:
            lock.release(remove=True)  # removed in this moment: no lock's file may stay behind
            raise
        state = exits.settle(engine, record, written)  # its last end may be unnoticed yet
        if state["status"] in ("running", "paused"):
            if state["status"] == "paused":
                raise Conflict(
                    f'unable to start container "{container_id}": container {container_id} must be in Created or Stopped '
                    "state to be started: container state improper"
                )
            return record
        states.require("start", record, state)
        if by_policy and state.get("stopped_by_user") and not state.get("restart_due_ns"):
            return record  # somebody stopped it while its policy was being asked
        if state["status"] == "initialized" and not process.is_same(state["conmon_pid"], state["conmon_start"]):
            # Nobody would read what its program writes, nor note how it ends: made anew.
            state = {**exits.take_down(engine, record, state), "status": "created"}
        if state["status"] != "initialized":
            _start_dependencies(engine, record)
            state = {**state, "restarts": state.get("restarts", 0) + 1 if by_policy else 0}
            state = initialize(engine, record, state, foreground=foreground, window=window)
            engine.events.emit_container("init", record)
        if ready is not None:
            ready(record)
        record = _go(engine, record, state)
        if by_policy:
            # Here, where it did start: of two who are about to restart it, one finds it running.
            engine.events.emit_container("restart", record)
    if wants_notice(record):
        from skerry.engine.containers import notify

        notify.announce(engine, record, foreground=foreground)
    return record


def init(engine: Engine, container_id: str) -> ContainerRecord:
    """``skerry init``: all of a start but the program, which waits to be executed. `Conflict` in other states."""
    with engine.store.lock("container", container_id) as lock:
        try:
            record, written = states.reload(engine, container_id)
        except NotFound:
            lock.release(remove=True)
            raise
        state = exits.settle(engine, record, written)
        states.require("init", record, state)
        _start_dependencies(engine, record)
        new = initialize(engine, record, {**state, "restarts": 0}, foreground=False, window=None)
        step("container.initialized")
        states.save(engine, container_id, new)
    engine.events.emit_container("init", record)
    return record


def _start_dependencies(engine: Engine, record: ContainerRecord) -> None:
    for mode in record["config"]["namespaces"].values():
        if str(mode).startswith("container:"):
            start(engine, str(mode).partition(":")[2])
    for name in record.get("requires", ()):
        start(engine, states.find(engine, name)[0]["id"])


def _go(engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerRecord:
    runtime = oci.of(engine.settings, record["config"])
    step("container.start")
    new: ContainerState = {**state, "status": "running", "started_ns": time.time_ns(), "ever_started": True}
    try:
        if record.get("pid_file"):
            run_files.write(record["pid_file"], str(new["pid"]).encode(), 0o644)
        oci.start(runtime, record["id"])
        step("container.running")
        states.save(engine, record["id"], new)
    except SkerryError as error:
        down = exits.take_down(engine, record, {**state, "cleaned": False}, runtime=runtime)
        states.note(engine, record["id"], {**down, "status": "created", "error": error.message})
        raise
    if "healthcheck" in record["config"]:
        from skerry.engine.health.start import begin

        begin(engine, record)
    engine.events.emit_container("start", record)
    return record
