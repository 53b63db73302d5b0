"""Which state a container is in: what was written, against what is observed.

    created ──start──> running ──exits──> exited ──start──> running
       └────init────> initialized ─start─┘    running <─pause/unpause─> paused     any ──rm──> removing

The written state may be old: the command that should have written it was killed, or the machine restarted.
`observe` decides from the exit file that conmon leaves and from the process itself (pid with start time).
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Conflict, NotFound, OutOfSpace
from skerry.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

LIVE = ("initialized", "running", "paused", "stopping")

# operation: the states in which it is allowed, as `observe` reports them
TRANSITIONS: dict[str, tuple[str, ...]] = {
    "start": ("created", "initialized", "exited"),
    "init": ("created", "exited"),
    "stop": ("running", "stopping", "paused", "initialized"),
    "kill": ("running", "stopping", "paused"),
    "pause": ("running",),
    "unpause": ("paused",),
    "exec": ("running",),
    "attach": ("running", "initialized", "paused", "stopping"),
}


def exit_file(engine: Engine, container_id: str) -> str:
    """Where conmon writes the exit code."""
    return engine.store.run_path("exits", container_id)


def run_folder(engine: Engine, container_id: str, *names: str) -> str:
    """Below the container's folder that a reboot empties (the bundle)."""
    return engine.store.run_path("containers", container_id, *names)


def folder(engine: Engine, container_id: str, *names: str) -> str:
    """Below the container's lasting folder (its upper directory, log, …)."""
    return engine.store.path("containers", container_id, *names)


def rootfs_path(engine: Engine, record: ContainerRecord) -> str:
    """Where the root file system is while the container is mounted."""
    return record["config"].get("rootfs") or run_folder(engine, record["id"], "rootfs")


def log_path(engine: Engine, container_id: str) -> str:
    """The default place of the container's log."""
    return folder(engine, container_id, "ctr.log")


def find(engine: Engine, name_or_id: str) -> tuple[ContainerRecord, ContainerState]:
    """The container with this name, id or unique beginning of an id, as it was last written.

    Raises `NotFound`, or `Conflict` when several ids begin so."""
    query = engine.store.db.query
    name_or_id = name_or_id.removeprefix("/")  # as Docker shows names
    if not name_or_id:
        raise NotFound("name or ID cannot be empty")
    rows = query("SELECT doc, state FROM containers WHERE name = ?1 OR id = ?1", name_or_id)
    if not rows and _is_hex(name_or_id):
        rows = query("SELECT doc, state FROM containers WHERE id >= ? AND id < ? LIMIT 2", name_or_id, name_or_id + "g")
    if not rows:
        raise NotFound(f'no container with name or ID "{name_or_id}" found: no such container')
    if len(rows) > 1:
        raise Conflict(f'more than one result for container name or ID "{name_or_id}": container already exists')
    return fastjson.loads(rows[0][0]), fastjson.loads(rows[0][1])


def _is_hex(text: str) -> bool:
    return len(text) <= 64 and not text.strip("0123456789abcdef")


def reload(engine: Engine, container_id: str) -> tuple[ContainerRecord, ContainerState]:
    """The container as it is written now; `NotFound` when it is gone."""
    rows = engine.store.db.query("SELECT doc, state FROM containers WHERE id = ?", container_id)
    if not rows:
        raise NotFound(f'no container with name or ID "{container_id}" found: no such container')
    return fastjson.loads(rows[0][0]), fastjson.loads(rows[0][1])


def save(engine: Engine, container_id: str, state: ContainerState, *, durable: bool = False) -> None:
    """Write the state. What is observed anyway (running, exited) needs no fsync."""
    with engine.store.db.write(durable=durable) as db:
        db.execute("UPDATE containers SET state = ? WHERE id = ?", fastjson.dumps(state), container_id)


def note(engine: Engine, container_id: str, state: ContainerState) -> None:
    """Write what the next command would observe again. On a full disk it has to."""
    try:
        save(engine, container_id, state)
    except OutOfSpace:
        pass


def save_ending(engine: Engine, container_id: str, state: ContainerState) -> None:
    """Write that somebody ends the container, at the cost of the disk's reserve: stopping goes on in any case."""
    text = fastjson.dumps(state)
    try:
        engine.store.db.free(
            lambda db: db.execute("UPDATE containers SET state = ? WHERE id = ?", text, container_id), durable=False
        )
    except OutOfSpace:
        pass  # only a restart policy would have wanted to know


def observe(engine: Engine, container_id: str, state: ContainerState) -> ContainerState:
    """The state as it really is; the same object when nothing changed. Reads only; takes no lock."""
    status = state["status"]
    if status not in LIVE:
        return state
    if state.get("boot_id") != process.boot_id():
        return after_reboot(state)
    if process.is_same(state["pid"], state["pid_start"]):
        # conmon writes the exit file only after the process is reaped, so a live pid decides.
        return state
    return _after_exit(engine, container_id, state)


def after_reboot(state: ContainerState) -> ContainerState:
    """A machine that restarted took the process, the mounts and the network with it, at the latest when it booted."""
    new: ContainerState = {
        **state, "status": "exited" if state.get("ever_started") else "created", "cleaned": True, "pid": 0,
        "conmon_pid": 0, "network": {}, "netns": "", "boot_id": process.boot_id(),
    }  # fmt: skip
    if state.get("ever_started"):
        # What may be written there is the end of an earlier run. A clock that is not set yet must not go back before this one.
        new["finished_ns"] = max(state.get("started_ns", 0), process.booted_ns())
    return new


def _after_exit(engine: Engine, container_id: str, state: ContainerState) -> ContainerState:
    code, finished_ns = read_exit(engine, container_id)
    new: ContainerState = {**state, "status": "exited", "pid": 0, "cleaned": False}
    if code is None:
        # conmon is about to write it, or was itself killed: then nobody knows the code (Podman: 255 / -1).
        new["exit_code"] = -1
        new["finished_ns"] = 0  # what is written is the end of the run before
    else:
        new["exit_code"] = code
        new["finished_ns"] = max(finished_ns, state.get("started_ns", 0))  # times of files lag behind by up to a tick
    new["oom_killed"] = os.path.exists(run_folder(engine, container_id, "oom")) or _oom_in_slice(new)
    return new


def _oom_in_slice(state: ContainerState) -> bool:
    """Whether its program was killed by nobody who is known, and the kernel killed in its slice meanwhile."""
    if state["exit_code"] != 137 or not state.get("oom_file") or state.get("stopped_by_user"):
        return False
    from skerry.runtime.cgroups import oom_kills

    return oom_kills(state["oom_file"]) > state["oom_count"]


def stopped_by_user(state: ContainerState) -> bool:
    """Whether somebody wanted it to stop, and not only the machine to go down."""
    return state.get("stopped_by_user", False) and not state.get("stopped_by_service", False)


def is_unnoticed(state: ContainerState) -> bool:
    """Whether an observed end is one that nobody will clean up after: conmon, which does that, is dead too."""
    if state["status"] != "exited" or state.get("cleaned", True):
        return False
    return not process.is_same(state.get("conmon_pid", 0), state.get("conmon_start", 0))


def is_restarting(state: ContainerState) -> bool:
    """Whether it ended and its restart policy starts it again in a while."""
    waits = state["status"] == "exited" and bool(state.get("restart_due_ns"))
    return waits and state.get("boot_id") == process.boot_id()


def read_exit(engine: Engine, container_id: str) -> tuple[int | None, int]:
    """The exit code that conmon left and when (ns since the epoch); (None, 0) while there is none."""
    try:
        fd = os.open(exit_file(engine, container_id), os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None, 0
    try:
        text = os.read(fd, 32).strip()
        if not text.removeprefix(b"-").isdigit():  # -1: conmon killed it at its --timeout
            return None, 0
        return int(text), os.fstat(fd).st_mtime_ns
    finally:
        os.close(fd)


def require(operation: str, record: ContainerRecord, state: ContainerState) -> None:
    """Raise `Conflict`, in Podman's words, when the container's state forbids the operation."""
    if operation == "pause" and state["status"] == "paused":
        raise Conflict(f'"{record["id"]}" is already paused: container state improper')
    if state["status"] not in TRANSITIONS[operation]:
        raise Conflict(_WORDS[operation].format(id=record["id"], name=record["name"], status=shown(state)))


_WORDS = {
    "start": "unable to start container {id}: container is {status}: container state improper",
    "init": "container {id} has already been created in runtime: container state improper",
    "stop": "can only stop created or running containers. {id} is in state {status}: container state improper",
    "kill": "can only kill running containers. {id} is in state {status}: container state improper",
    "pause": '"{status}" is not running, can\'t pause: container state improper',
    "unpause": '"{id}" is not paused, can\'t unpause: container state improper',
    "exec": "can only create exec sessions on running containers: container state improper",
    "attach": "attaching to container {id}: you can only attach to running containers",
}


def shown(state: ContainerState) -> str:
    """The state's name in Podman's words (ps, inspect, events, errors)."""
    return state["status"]


def all_ids(engine: Engine, *, running: bool = False) -> list[str]:
    """All ids, oldest first; ``running``: only of those that are alive."""
    rows = engine.store.db.query("SELECT id, state FROM containers ORDER BY created_ns")
    return [row[0] for row in rows if not running or observe(engine, row[0], fastjson.loads(row[1]))["status"] in LIVE]


def latest(engine: Engine) -> str:
    """The id of the container that was created last; `NotFound` when there is none."""
    rows = engine.store.db.query("SELECT id FROM containers ORDER BY created_ns DESC LIMIT 1")
    if not rows:
        raise NotFound("no containers found: no such container")
    newest: str = rows[0][0]
    return newest
