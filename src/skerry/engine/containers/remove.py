"""``skerry rm``: a container, its files and its anonymous volumes."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine import supervisor
from skerry.engine.containers import exits, records, storage
from skerry.engine.containers import state as states
from skerry.engine.containers.signals import end
from skerry.errors import Conflict, InUse, NotFound
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

_EXIT_FILES_KEPT_S = 300
# Those that join another container, by the index that has these few: no removal reads all documents.
JOINED = "SELECT id, doc FROM containers WHERE doc LIKE '%\"container:%'"


def remove(
    engine: Engine, name: str, *, force: bool = False, volumes: bool = False, depend: bool = False,
    timeout_s: float | None = None,
) -> list[str]:  # fmt: skip
    """Remove a container (``force``: also a running one, stopped first); ids removed, itself last.

    ``depend`` removes those that share its namespaces too. `InUse` (exit code 2) while it runs, `Conflict` while
    others depend on it, `NotFound` (exit code 1)."""
    try:
        container_id = states.find(engine, name)[0]["id"]
    except NotFound as error:
        raise NotFound(f'no container with ID or name "{name}" found: no such container', exit_code=1) from error
    removed: list[str] = []
    others = dependents(engine, container_id)
    if others and not depend:
        raise Conflict(
            f"container {container_id} has dependent containers which must be removed before it: "
            f"{', '.join(others)}: container already exists"
        )
    for other in others:
        removed += remove(engine, other, force=force, volumes=volumes, depend=True, timeout_s=timeout_s)
    while not _try(engine, container_id, force=force, volumes=volumes):
        stop_for_removal(engine, container_id, timeout_s)
    return [*removed, container_id]


def stop_for_removal(engine: Engine, container_id: str, timeout_s: float | None) -> None:
    """Stop it, thawing it first; gone already is fine."""
    from skerry.engine.containers.signals import unpause

    try:
        if states.find(engine, container_id)[1]["status"] == "paused":
            unpause(engine, container_id)
        end(engine, container_id, timeout_s=timeout_s)
    except NotFound:
        pass  # --rm was faster


def _try(engine: Engine, container_id: str, *, force: bool, volumes: bool) -> bool:
    """Remove under the lock; False when it runs and has to be stopped first."""
    lock = engine.store.lock("container", container_id, fleeting=True)
    try:
        try:
            record, written = states.reload(engine, container_id)
        except NotFound:
            return True  # another command removed it while we waited
        state = exits.settle(engine, record, written)
        if state["status"] in states.LIVE:
            if not force and state["status"] != "initialized":
                raise InUse(
                    f"cannot remove container {container_id} as it is {state['status']} - running or paused "
                    "containers cannot be removed without force: container state improper"
                )
            return False
        _remove_locked(engine, record, state, volumes=volumes)
        lock.release(remove=True)
        return True
    finally:
        lock.release()


def remove_ended(engine: Engine, container_id: str) -> None:
    """What ``--rm`` does after the end: container, anonymous volumes, and with ``--rmi`` its image."""
    try:
        record = states.reload(engine, container_id)[0]
        if not _try(engine, container_id, force=True, volumes=True):
            return  # started again meanwhile
    except NotFound:
        return
    if record["remove_image"] and record["image"]:
        try:
            engine.images.remove([record["image"]])
        except (Conflict, NotFound):
            pass  # others use it, or it is gone


def dependents(engine: Engine, container_id: str) -> list[str]:
    """Ids of the containers that live in this one's namespaces."""
    rows = engine.store.db.query(JOINED)
    wanted = f"container:{container_id}"  # and the text may also stand in a label
    return [row[0] for row in rows if wanted in fastjson.loads(row[1])["config"]["namespaces"].values()]


def _remove_locked(engine: Engine, record: ContainerRecord, state: ContainerState, *, volumes: bool) -> None:
    container_id = record["id"]
    step("container.removing")
    states.note(engine, container_id, {**state, "status": "removing"})
    if os.path.isdir(states.run_folder(engine, container_id)):
        state = exits.take_down(engine, record, state)
    storage.hide(engine, record)
    step("container.remove-folder")
    remove_tree(states.folder(engine, container_id))
    step("container.remove-row")
    records.delete(engine, container_id, durable=not record["auto_remove"])
    _forget_files(engine, record)
    engine.events.emit_container("remove", record)
    if volumes:
        _remove_anonymous_volumes(engine, record)


def _forget_files(engine: Engine, record: ContainerRecord) -> None:
    container_id = record["id"]
    supervisor.release(engine, container_id)
    if "healthcheck" in record["config"]:
        from skerry.engine.health.act import forget

        forget(engine, container_id)
    paths = [record.get("cid_file"), exits.client_lock_path(engine, container_id)]
    if not record["auto_remove"]:
        paths.append(states.exit_file(engine, container_id))
    for path in paths:
        if path:
            try:
                os.unlink(path)
            except OSError:
                pass  # the user took or moved it; or it never ran
    if container_id[0] == "0":  # ids are random: every 16th looks at the files of all others
        _sweep_exit_files(engine)


def _sweep_exit_files(engine: Engine) -> None:
    """Exit codes stay a while for those who wait for a container that removed itself."""
    parent = engine.store.run_path("exits")
    now = time.time()
    try:
        names = os.listdir(parent)
    except FileNotFoundError:
        return
    known = set(states.all_ids(engine))
    for name in names:
        path = os.path.join(parent, name)
        try:
            if name not in known and now - os.stat(path).st_mtime > _EXIT_FILES_KEPT_S:
                os.unlink(path)
        except FileNotFoundError:
            continue  # another command sweeps as well


def _remove_anonymous_volumes(engine: Engine, record: ContainerRecord) -> None:
    for mount in record["config"]["mounts"]:
        if mount["type"] == "volume" and mount.get("anonymous"):
            try:
                engine.volumes.remove(mount["name"])
            except (InUse, NotFound):
                pass  # --volumes-from gave it to another container, or it is gone
