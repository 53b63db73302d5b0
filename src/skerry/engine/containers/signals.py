"""``skerry stop``, ``kill``, ``pause`` and ``unpause``: signals to a container's first process, and the wait after them."""

from __future__ import annotations

import os
import select
import time
from _signal import SIGINT, SIGKILL, SIGQUIT, SIGTERM, pidfd_send_signal

from skerry.engine.containers import exits
from skerry.engine.containers import state as states
from skerry.errors import Conflict, NotFound, SkerryError, Unavailable
from skerry.linux import process
from skerry.linux.signals import parse_signal, signal_name
from skerry.runtime import oci
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.oci import Runtime

    # What was asked to stop: its time limit in seconds, and when on the monotonic clock.
    Stopping = tuple[ContainerRecord, ContainerState, float, float]


_ENDING = (SIGKILL, SIGTERM, SIGINT, SIGQUIT)  # who sends these wants no restart by its policy


def check_signal(text: str) -> None:
    """`Invalid` for what is no signal's name or number."""
    parse_signal(text)


def kill(engine: Engine, name: str, signal: str = "KILL") -> str:
    """Send a signal to a running container; its id. After SIGKILL it is waited for, as Podman does."""
    number = parse_signal(signal)
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id, fleeting=True):
        record, written = states.reload(engine, container_id)
        state = states.observe(engine, container_id, written)
        states.require("kill", record, state)
        if number in _ENDING or number == record["config"]["stop_signal"]:
            state = {**state, "stopped_by_user": True}
            states.save_ending(engine, container_id, state)
        send(engine, record, state, number)
        if number == SIGKILL and state["status"] == "paused":
            _thaw(engine, record)
    engine.events.emit_container("kill", record, signal=str(number))
    if number == SIGKILL and await_exit(state, 10.0):
        exits.clean_up(engine, container_id)
    return container_id


def _thaw(engine: Engine, record: ContainerRecord) -> None:
    """On cgroup v1 not even SIGKILL reaches a frozen process."""
    try:
        oci.resume(oci.of(engine.settings, record["config"]), record["id"])
    except SkerryError:
        pass  # it has ended, or was never frozen


def stop(engine: Engine, name: str, *, timeout_s: float | None = None, service: bool = False) -> str:
    """Stop a container: its stop signal, and SIGKILL after ``timeout_s`` (default its own; negative: no limit).
    ``service``: the machine is going down. Nobody wanted this container to stay stopped.

    Its id. One that does not run is left as it is. `Conflict` when paused; `Unavailable` when it survives SIGKILL, or
    when it ended and conmon could not say how."""
    container_id = states.find(engine, name)[0]["id"]
    if not end(engine, container_id, timeout_s=timeout_s, service=service):
        raise Unavailable(
            f"container {container_id} conmon exited prematurely, exit code could not be retrieved: conmon process killed"
        )
    return container_id


def end(
    engine: Engine,
    container_id: str,
    *,
    timeout_s: float | None = None,
    restarting: bool = False,
    service: bool = False,
) -> bool:
    """See `stop`. Whether its exit code is known. ``restarting``: it is to be started again, if not by us by others."""
    begun = engine.stopping.pop(container_id, None)
    begun = begun or _begin(engine, container_id, timeout_s, restarting=restarting, service=service)
    if begun is None:
        return True
    record, state, limit, began = begun
    if limit == 0 or not await_exit(state, limit if limit < 0 else max(0.0, limit - (time.monotonic() - began))):
        if limit:
            name = signal_name(record["config"]["stop_signal"])
            engine.log(
                f"StopSignal {name} failed to stop container {record['name']} in {limit:g} seconds, resorting to SIGKILL"
            )
        with engine.store.lock("container", container_id, fleeting=True):
            send(engine, record, state, SIGKILL)
        if not await_exit(state, 60.0):
            raise Unavailable(
                f"container {container_id} did not end after SIGKILL", hint="see the kernel's log for blocked I/O"
            )
    ended = exits.clean_up(engine, container_id)
    engine.events.emit_container("stop", record)
    return ended is None or states.read_exit(engine, container_id)[0] is not None


def ask_all(
    engine: Engine,
    names: Sequence[str],
    *,
    timeout_s: float | None = None,
    unless_needed: bool = False,
    service: bool = False,
) -> None:
    """Several are about to be stopped one after the other (`end`): their time begins now, so that they end side by side.

    What is wrong with one of them is said when its turn comes. ``unless_needed``: not those that others depend on."""
    from skerry.engine.containers.remove import dependents

    for name in names if len(names) > 1 else ():
        try:
            container_id = states.find(engine, name)[0]["id"]
            if container_id in engine.stopping or (unless_needed and dependents(engine, container_id)):
                continue
            begun = _begin(engine, container_id, timeout_s, restarting=False, service=service)
        except SkerryError:
            continue
        if begun is not None:
            engine.stopping[container_id] = begun
            if begun[2] == 0:
                send(engine, *begun[:2], SIGKILL)


def _begin(
    engine: Engine, container_id: str, timeout_s: float | None, *, restarting: bool, service: bool
) -> Stopping | None:
    """Send the stop signal. None when it does not run."""
    with engine.store.lock("container", container_id, fleeting=True):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        if state["status"] not in states.LIVE:
            by_policy = record["restart"]["name"] != "no" and not state.get("stopped_by_user")
            if (state.get("restart_due_ns") or (by_policy and state["status"] == "exited")) and not restarting:
                # Its restart policy would have started it again in a moment; who cleans up may be about to decide that.
                states.save_ending(engine, container_id, _stopped(state, service=service))
            return None
        if state["status"] == "paused":
            raise Conflict(
                f"container {container_id} is running or paused, refusing to clean up: container state improper"
            )
        limit = record["config"]["stop_timeout_s"] if timeout_s is None else timeout_s
        if state["status"] == "initialized":
            limit = 0  # its program was never executed, and what waits in its place takes no other signal
        state = {**_stopped(state, service=service), "status": "stopping"}
        if restarting:
            state["restart_due_ns"] = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        states.save_ending(engine, container_id, state)
        if limit != 0:
            send(engine, record, state, record["config"]["stop_signal"])
    return record, state, limit, time.monotonic()


def _stopped(state: ContainerState, *, service: bool) -> ContainerState:
    return {**state, "restart_due_ns": 0, "stopped_by_user": True, "stopped_by_service": service}


def send(engine: Engine, record: ContainerRecord, state: ContainerState, number: int) -> None:
    """Deliver a signal. Straight to the process where it is one of this kernel's, by the runtime otherwise (gVisor)."""
    runtime = oci.of(engine.settings, record["config"])
    if not runtime.quirks.own_processes:
        oci.kill(runtime, record["id"], number)
        return
    try:
        fd = os.pidfd_open(state["pid"])
    except ProcessLookupError:
        return  # it has just ended
    try:
        # The descriptor pins the process: when it is still ours now, the signal cannot hit another.
        if process.is_same(state["pid"], state["pid_start"]):
            pidfd_send_signal(fd, number)
    except ProcessLookupError:
        pass  # ended meanwhile
    except PermissionError as error:
        raise Unavailable(f"cannot signal container {record['id']}: {error.strerror}") from error
    finally:
        os.close(fd)


def await_exit(state: ContainerState, timeout_s: float) -> bool:
    """Wait until the container's first process has ended; whether it did. Negative: without limit."""
    try:
        fd = os.pidfd_open(state["pid"])
    except ProcessLookupError:
        return True
    try:
        if not process.is_same(state["pid"], state["pid_start"]):
            return True
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        deadline = time.monotonic() + timeout_s
        while True:
            left = -1 if timeout_s < 0 else max(0, int((deadline - time.monotonic()) * 1000))
            if poller.poll(left):
                return True
            if timeout_s >= 0 and time.monotonic() >= deadline:
                return False
    finally:
        os.close(fd)


def pause(engine: Engine, name: str) -> str:
    """Freeze all processes of a running container; its id. Killed in between, it counts as paused: what runs for sure
    can be stopped, what is frozen has to be thawed first."""
    return _freeze(engine, name, "pause")


def unpause(engine: Engine, name: str) -> str:
    """Thaw a paused container; its id."""
    return _freeze(engine, name, "unpause")


def _freeze(engine: Engine, name: str, operation: str) -> str:
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = states.observe(engine, container_id, written)
        states.require(operation, record, state)
        runtime = oci.of(engine.settings, record["config"])
        try:
            if operation == "pause":
                step("container.note-paused")
                states.save(engine, container_id, {**state, "status": "paused"})
                step("container.pause")
                _pause_or_undo(engine, runtime, container_id, state)
            else:
                step("container.unpause")
                _resume(runtime, container_id)
                step("container.note-running")
                states.save(engine, container_id, {**state, "status": "running"})
        except NotFound as error:
            raise Conflict(f"cannot {operation} container {container_id}: it has just ended") from error
    engine.events.emit_container(operation, record)
    return container_id


def _pause_or_undo(engine: Engine, runtime: Runtime, container_id: str, before: ContainerState) -> None:
    try:
        oci.pause(runtime, container_id)
    except SkerryError:
        states.save(engine, container_id, before)
        raise


def _resume(runtime: Runtime, container_id: str) -> None:
    """Thaw it; one that was not frozen, because the command that began it was killed, is fine."""
    try:
        oci.resume(runtime, container_id)
    except NotFound:
        raise
    except SkerryError:
        if oci.state(runtime, container_id).get("status") != "running":
            raise
