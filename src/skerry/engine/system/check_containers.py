"""Containers in a check: those that ended unnoticed or half removed, and what is left of those that are gone.

A container's id is in the name of everything that it leaves: run folder, lasting folder, lease, namespace. So all
ids that anything names are gathered first, and each is then looked at as a whole under the container's lock.
"""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.containers import exits
from skerry.engine.containers import state as states
from skerry.engine.system import leftovers
from skerry.engine.system.findings import finding, mend, try_lock
from skerry.errors import NotFound, SkerryError
from skerry.linux import netns, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.store.locks import Lock
    from skerry.store.types import Finding

_EXIT_FILES_KEPT_S = 300
_PATIENCE_S = 3.0
_ENDED = "ended and was not cleaned up"
_HEX = frozenset("0123456789abcdef")


def check(engine: Engine, *, repair: bool) -> list[Finding]:
    """All findings about containers."""
    found: list[Finding] = []
    deadline = time.monotonic() + (_PATIENCE_S if repair else 0)
    for container_id in sorted(_ids(engine)):
        lock = _lock(engine, container_id, deadline)
        if lock is None:
            continue
        removed = False
        try:
            one = _one(engine, container_id, repair)
            removed = not _has_row(engine, container_id)
        finally:
            lock.release(remove=removed)
        for each in one:
            # Removing or restarting what ended takes the lock itself.
            found.append(each if each["repaired"] else _clean_up(engine, each, repair))
    found += _orphaned_namespaces(engine, repair)
    found += _unfinished_removals(engine, repair)
    found += _rows_without_container(engine, repair)
    return found


def _lock(engine: Engine, container_id: str, deadline: float) -> Lock | None:
    """The container's lock; None while others work on it.

    A repair waits a little for them: they may be a clean-up that is itself about to be killed."""
    while True:
        lock = try_lock(engine.store, "container", container_id)
        if lock is not None:
            if not _clean_up_is_due(engine, container_id) or time.monotonic() >= deadline:
                return lock
            lock.release()
        elif time.monotonic() >= deadline:
            return None
        time.sleep(0.02)


def _clean_up_is_due(engine: Engine, container_id: str) -> bool:
    """Whether the container has ended and its conmon, or client, is about to clean up after it."""
    try:
        written = states.reload(engine, container_id)[1]
    except NotFound:
        return False
    state = states.observe(engine, container_id, written)
    return _ended_unnoticed(state) and _conmon_works(engine, container_id, written)


def _clean_up(engine: Engine, found: Finding, repair: bool) -> Finding:
    if not found["message"].endswith(_ENDED):
        return found
    return mend(found, repair, lambda: exits.clean_up(engine, found["name"]))


def _orphaned_namespaces(engine: Engine, repair: bool) -> list[Finding]:
    """Network namespaces that no container of this store can have: rows come first and go last."""
    before = leftovers.names(engine.store.run_path("netns"))
    known = {row[0][:24] for row in engine.store.db.query("SELECT id FROM containers")}
    found = []
    for name in before:
        short = name.removeprefix("netns-")
        if short not in known and len(short) == 24 and _HEX.issuperset(short):
            note = finding("namespace", name, "a network namespace of a container that is gone")
            path = engine.store.run_path("netns", name)
            found.append(mend(note, repair, lambda path=path: netns.remove(path)))  # type: ignore[misc]
    return found


def _ids(engine: Engine) -> set[str]:
    ids = {row[0] for row in engine.store.db.query("SELECT id FROM containers")}
    for folder in (
        engine.store.path("containers"),
        engine.store.run_path("containers"),
        engine.store.run_path("mounts"),
    ):
        ids.update(name for name in leftovers.names(folder) if len(name) == 64 and _HEX.issuperset(name))
    ids.update(leftovers.leased(engine))
    return ids


def _has_row(engine: Engine, container_id: str) -> bool:
    return bool(engine.store.db.query("SELECT 1 FROM containers WHERE id = ?", container_id))


def _one(engine: Engine, container_id: str, repair: bool) -> list[Finding]:
    """Findings about one container, whose lock is held."""
    try:
        record, written = states.reload(engine, container_id)
    except NotFound:
        return _gone(engine, container_id, repair)
    state = states.observe(engine, container_id, written)
    if written["status"] in states.LIVE and written.get("boot_id") != process.boot_id():
        return []  # the machine restarted: every command knows what that means
    if state["status"] in states.LIVE:
        return _network(engine, record, state, repair)
    if _conmon_works(engine, container_id, written):
        return []  # its exit command is on the way
    if _ended_unnoticed(state):
        return [finding("container", container_id, f"{record['name']} {_ENDED}")]
    left = leftovers.of_container(engine, container_id, record, state)
    if not left or state["status"] == "removing":
        return []
    message = f"{record['name']} does not run, but left {', '.join(left)}"
    return [mend(finding("container", container_id, message), repair, lambda: _take_down(engine, record, state))]


def _conmon_works(engine: Engine, container_id: str, state: ContainerState) -> bool:
    """Whether the container's conmon, or the exit command that it became, is still there."""
    if process.is_same(state.get("conmon_pid", 0), state.get("conmon_start", 0)):
        return True
    path = exits.client_lock_path(engine, container_id)
    if not os.path.exists(path):
        return False
    lock = leftovers.try_path(path)
    if lock is None:
        return True  # a client in the foreground lives: it cleans up
    lock.release()
    return False


def _network(engine: Engine, record: ContainerRecord, state: ContainerState, repair: bool) -> list[Finding]:
    """Helpers of a running container's network that were killed."""
    from skerry.engine.networks.connect import missing, restore

    try:
        names = missing(engine, record)
    except SkerryError as error:
        return [finding("network", record["id"], f"{record['name']}: {error.message}")]
    if not names:
        return []
    words = f"{record['name']} lacks {' and '.join(names)}; skerry network reload {record['name']}"
    return [mend(finding("network", record["id"], words), repair, lambda: restore(engine, record, state))]


def _ended_unnoticed(state: ContainerState) -> bool:
    return state["status"] == "exited" and not state.get("cleaned", True)


def _take_down(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    exits.take_down(engine, record, state)
    leftovers.remove_namespace(engine, record["id"])


def _gone(engine: Engine, container_id: str, repair: bool) -> list[Finding]:
    """A container without a row: its removal, or its making, was cut."""
    left = leftovers.of_container(engine, container_id, None, None)
    if os.path.lexists(states.folder(engine, container_id)):
        left.append("its files")
    if not left:
        return []
    message = f"a container that is gone left {', '.join(left)}"
    found = finding("container", container_id, message)
    return [mend(found, repair, lambda: leftovers.remove_all(engine, container_id))]


def _unfinished_removals(engine: Engine, repair: bool) -> list[Finding]:
    """Containers whose ``rm`` was killed: it is brought to its end."""
    found = []
    for container_id, doc, written in engine.store.db.query("SELECT id, doc, state FROM containers"):
        if fastjson.loads(written)["status"] != "removing":
            continue
        lock = try_lock(engine.store, "container", container_id)
        if lock is None:
            continue
        lock.release()
        if not _has_row(engine, container_id):
            continue
        message = f"{fastjson.loads(doc)['name']} is half removed"
        remove = lambda id_=container_id: engine.containers.remove(id_, force=True, depend=True)  # noqa: E731
        found.append(mend(finding("container", container_id, message), repair, remove))
    return found


def _rows_without_container(engine: Engine, repair: bool) -> list[Finding]:
    """Notes that a volume or an image is in use by what does not exist."""
    known = "SELECT id FROM containers UNION SELECT 'volume:' || name FROM volumes"
    found = []
    for kind, column in (("volume", "container"), ("image", "user")):
        where = f"{column} NOT IN ({known})"
        for name, user in engine.store.db.query(f"SELECT {kind}, {column} FROM {kind}_users WHERE {where}"):
            what = user.replace(":", " ") if ":" in user else f"container {user[:12]}"

            def forget(kind: str = kind, where: str = where) -> None:
                with engine.store.db.write(durable=True) as db:
                    db.execute(f"DELETE FROM {kind}_users WHERE {where}")

            found.append(mend(finding(kind, name, f"marked as used by the {what}, which is gone"), repair, forget))
    return found


def sweep_small_files(engine: Engine) -> None:
    """Remove files that commands leave in passing and that are no damage: exit codes, locks of what is gone."""
    now = time.time()
    known = {row[0] for row in engine.store.db.query("SELECT id FROM containers")}
    for folder in ("health", "supervisor/wards"):
        for name in leftovers.names(engine.store.run_path(folder)):
            if name.partition(".")[0] not in known:
                leftovers.unlink(engine.store.run_path(folder, name))
    for name in leftovers.names(engine.store.run_path("exits")):
        path = engine.store.run_path("exits", name)
        if name not in known and now - leftovers.modified(path) > _EXIT_FILES_KEPT_S:
            leftovers.unlink(path)
    paths = [engine.store.run_path("clients", name) for name in leftovers.names(engine.store.run_path("clients"))]
    paths += [
        engine.store.path("locks", name) for name in leftovers.names(engine.store.path("locks"))
        if name.startswith("container-")
    ]  # fmt: skip
    for path in paths:
        if path[-64:] in known:
            continue
        lock = leftovers.try_path(path)
        if lock is not None:
            gone = not _has_row(engine, path[-64:])
            lock.release(remove=gone)
