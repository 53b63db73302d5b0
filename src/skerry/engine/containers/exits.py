"""What follows the end of a container: its exit code, and everything that it held given back.

Three may do it, whoever comes first under the container's lock: the client in the foreground, conmon's exit
command (``skerry container cleanup``), or the next command that meets the container.
"""

from __future__ import annotations

import errno
import os
import time

from skerry.engine import supervisor
from skerry.engine.containers import run_files, storage
from skerry.engine.containers import state as states
from skerry.engine.containers.network import disconnect
from skerry.errors import NotFound, SkerryError, Unavailable
from skerry.linux import process
from skerry.linux.mount import MNT_DETACH, umount
from skerry.runtime import cgroups, oci
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.oci import Runtime

_EXIT_FILE_WAIT_S = 5.0


def client_lock_path(engine: Engine, container_id: str) -> str:
    """A lock that a foreground client holds as long as it lives."""
    return engine.store.run_path("clients", container_id)


def wait_for_exit_file(engine: Engine, container_id: str, state: ContainerState) -> None:
    """Wait until conmon has written the exit code, or is dead itself; the program is known to have ended."""
    deadline = time.monotonic() + _EXIT_FILE_WAIT_S
    path = states.exit_file(engine, container_id)
    pause = 0.0005
    while not os.path.exists(path) and time.monotonic() < deadline:
        if not process.is_same(state.get("conmon_pid", 0), state.get("conmon_start", 0)) and not os.path.exists(path):
            return
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)


def forget_exit(engine: Engine, container_id: str) -> None:
    """Before a container runs again: the exit file of its last run must not be taken for the next one's."""
    try:
        os.unlink(states.exit_file(engine, container_id))
    except FileNotFoundError:
        pass  # it never ran


def clean_up(engine: Engine, container_id: str) -> tuple[ContainerRecord, ContainerState] | None:
    """Record the exit of a container that ended, and take it down. None when it is gone already.

    Does nothing to one that runs. Removes it when that was asked for (``--rm``)."""
    try:
        with engine.store.lock("container", container_id, fleeting=True):
            record, written = states.reload(engine, container_id)
            state = settle(engine, record, written)
    except NotFound:
        return None
    if state["status"] != "exited" or (_wants_policy(record, state, written) and _restarted(engine, record, state)):
        return record, state
    if record["auto_remove"]:
        from skerry.engine.containers.remove import remove_ended

        remove_ended(engine, record["id"])
    return record, state


def _wants_policy(record: ContainerRecord, state: ContainerState, written: ContainerState) -> bool:
    """What was running when the machine restarted did not end by itself: what is to run again, its boot says."""
    by_policy = record["restart"]["name"] != "no" or bool(state.get("restart_due_ns"))
    return by_policy and written.get("boot_id") == process.boot_id()


def _restarted(engine: Engine, record: ContainerRecord, state: ContainerState) -> bool:
    from skerry.engine.containers.restart import restart_by_policy

    return restart_by_policy(engine, record, state)


def settle(engine: Engine, record: ContainerRecord, written: ContainerState) -> ContainerState:
    """Under the lock: bring what is written up to what is observed, taking down what ended."""
    state = states.observe(engine, record["id"], written)
    if state["status"] == "exited" and not state.get("cleaned", True):
        if written["status"] in states.LIVE:
            wait_for_exit_file(engine, record["id"], written)
            if states.read_exit(engine, record["id"])[0] is None:
                kill_conmon(written)
            state = states.observe(engine, record["id"], written)
            _died(engine, record, state)
        return take_down(engine, record, state)
    if state is not written:
        states.note(engine, record["id"], state)
    if state.get("publishing") or state.get("updating") is not None:
        from skerry.engine.containers.update import resume

        return resume(engine, record, state)
    return state


def _died(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    if not state.get("finished_ns"):
        state["finished_ns"] = time.time_ns()
    engine.events.emit_container(
        "died", record, exit_code=state["exit_code"], oom_killed=state.get("oom_killed") or None
    )


def take_down(
    engine: Engine, record: ContainerRecord, state: ContainerState, *, runtime: Runtime | None = None
) -> ContainerState:
    """Give back all that a container held while it ran: runtime state, network, mounts, run folder. Idempotent."""
    container_id = record["id"]
    runtime = runtime or oci.of(engine.settings, record["config"])
    if states.read_exit(engine, container_id)[0] is None and state.get("boot_id") == process.boot_id():
        from skerry.runtime.orphans import kill_creators

        kill_creators(runtime, container_id)  # conmon reported no end: it may have been killed as it began
    step("container.runtime-delete")
    _delete(runtime, record, state)
    step("container.network-down")
    disconnect(engine, record, state)
    step("container.unmount")
    storage.unmount_rootfs(engine, record)
    step("container.run-folder-remove")
    if not state.get("restart_due_ns"):
        supervisor.release(engine, container_id)
    bundle = states.run_folder(engine, container_id)
    _unmount_below(bundle)
    _keep_specification(engine, record, bundle)
    _remove_bundle(bundle)
    if record["config"]["mounts"]:
        from skerry.engine.containers.prepare import give_back

        give_back(engine, record)
    new: ContainerState = {
        **state, "cleaned": True, "pid": 0, "conmon_pid": 0, "network": {}, "netns": "", "ports": [],
        "publishing": False, "updating": None,
    }  # fmt: skip
    if new["status"] in states.LIVE:
        new["status"] = "exited" if state.get("ever_started") else "created"
    step("container.cleaned")
    states.note(engine, container_id, new)  # without it the next command does all this again, which is harmless
    engine.events.emit_container("cleanup", record)
    return new


def _delete(runtime: Runtime, record: ContainerRecord, state: ContainerState) -> None:
    try:
        oci.delete(runtime, record["id"])
    except NotFound:
        pass  # it never got that far
    except SkerryError:
        # A runtime that is missing, or was given flags that it does not know, holds nothing that runs.
        if process.is_same(state.get("pid", 0), state.get("pid_start", 0)):
            raise
    finally:
        cgroups.remove(state.get("cgroup_path", "") or cgroups.default_path(record["config"]))


def _keep_specification(engine: Engine, record: ContainerRecord, bundle: str) -> None:
    """The last run's config.json can be read until the next, as Podman's: unless a secret is in its environment, which
    belongs on no disk. It explains a run and nothing needs it, so a disk that is full does not matter."""
    if record["auto_remove"] or any(use["type"] == "env" for use in record.get("secrets", ())):
        return
    kept = states.folder(engine, record["id"], "config.json")
    try:
        os.rename(f"{bundle}/config.json", kept)
    except FileNotFoundError:
        pass  # it was kept already, or never written
    except OSError:  # another file system
        try:
            with open(f"{bundle}/config.json", "rb") as file:
                run_files.write(kept, file.read())
        except (OSError, SkerryError):
            return


def _remove_bundle(bundle: str) -> None:
    """conmon removes its socket and writes a last file here after it has written the exit file: begin again then."""
    for attempt in range(10):
        try:
            remove_tree(bundle)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.ENOENT) or attempt == 9:
                raise Unavailable(f"cannot remove {bundle}: {error.strerror}") from error
            time.sleep(0.001 * attempt)


def _unmount_below(folder: str) -> None:
    """Detach what a killed command may have left mounted inside ``folder``."""
    with open("/proc/self/mounts", "rb") as file:
        text = file.read()
    prefix = os.fsencode(folder) + b"/"
    if prefix not in text:
        return
    for line in reversed(text.splitlines()):
        path = line.split(b" ")[1].replace(b"\\040", b" ")
        if path.startswith(prefix):
            umount(os.fsdecode(path), MNT_DETACH)


def kill_conmon(state: ContainerState) -> None:
    """End a conmon whose container is gone but which hangs."""
    pid = state.get("conmon_pid", 0)
    if pid and process.is_same(pid, state.get("conmon_start", 0)):
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass  # it ended meanwhile
