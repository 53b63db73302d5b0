"""A container's root file system outside of its runs: ``mount`` and ``unmount``, and for as long as a command needs it.

runroot/mounts/ID is where ``mount`` shows it. A container that starts meanwhile is given the same mount: two overlays
on one upper folder would not see each other's changes.
"""

from __future__ import annotations

import os

from skerry.engine.containers import exits, storage
from skerry.engine.containers import state as states
from skerry.errors import Conflict, Unavailable
from skerry.linux import mount as m
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.store.locks import Lock


class Mounted:
    """``with Mounted(engine, record) as path``: the container's root while it is read. One that does not run is held
    still meanwhile, by its lock. Owners are those of the image, also where the container has ids of its own; with
    ``outside`` those that its processes have out here, unless `skerry mount` shows the others (then it is False)."""

    def __init__(self, engine: Engine, record: ContainerRecord, *, outside: bool = False) -> None:
        self._engine = engine
        self._record = record
        self.outside = outside
        self._lock: Lock | None = None
        self._ours = False
        self._view = ""

    def __enter__(self) -> str:
        engine, container_id = self._engine, self._record["id"]
        lock = engine.store.lock("container", container_id)
        try:
            record, written = states.reload(engine, container_id)
            state = exits.settle(engine, record, written)
            if state["status"] in states.LIVE:
                lock.release()
                return self._live(record)
            shown = storage.shown_path(engine, record)
            if os.path.ismount(shown):
                self._lock, self.outside = lock, False
                return shown
            step("container.mount")
            path = storage.mount_rootfs(engine, record, as_image=not self.outside)
            self._ours, self._lock = True, lock
            return path
        except BaseException:
            lock.release()
            raise

    def _live(self, record: ContainerRecord) -> str:
        """Where its processes have it mounted; another overlay, read-only, where that shows their ids."""
        if record["config"].get("uid_maps") and not self.outside:
            from skerry.engine.containers import mapped

            if mapped.needs_mapping(record["config"]):
                self._view = mapped.image_view(self._engine, record)
                return self._view
        return states.rootfs_path(self._engine, record)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._view:
                m.umount(self._view, m.MNT_DETACH)
                os.rmdir(self._view)
            if self._ours:
                storage.unmount_rootfs(self._engine, self._record)
                _remove_empty(states.rootfs_path(self._engine, self._record))
        finally:
            if self._lock is not None:
                self._lock.release()


def _remove_empty(path: str) -> None:
    for folder in (path, os.path.dirname(path)):
        try:
            os.rmdir(folder)
        except OSError:
            return  # something is in it, or it is the user's (--rootfs)


def mount(engine: Engine, name: str) -> str:
    """Show the container's root file system on the host until `unmount`; its path. Idempotent."""
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        if "rootfs" in record["config"]:
            return record["config"]["rootfs"]
        shown = storage.shown_path(engine, record)
        if os.path.ismount(shown):
            return shown
        try:
            os.makedirs(shown, mode=0o700, exist_ok=True)
            step("container.show")
            if state["status"] in states.LIVE:
                m.mount(states.rootfs_path(engine, record), shown, flags=m.MS_BIND)
            else:
                storage.mount_layers(engine, record, shown)
        except OSError as error:
            raise Unavailable(f"cannot mount container {container_id}: {error.strerror}") from error
    engine.events.emit_container("mount", record)
    return shown


def unmount(engine: Engine, name: str, *, force: bool = False) -> str:
    """Undo `mount`; the container's id. `Conflict` for one that is mounted only because it runs (unless ``force``)."""
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id, fleeting=True):
        record, written = states.reload(engine, container_id)
        if not storage.hide(engine, record):
            state = states.observe(engine, container_id, written)
            if state["status"] in states.LIVE and not force:
                raise Conflict(
                    f"cannot unmount storage for container {container_id} as it is running or paused: "
                    "container state improper"
                )
            return container_id
    engine.events.emit_container("unmount", record)
    return container_id


def mounted(engine: Engine) -> list[tuple[ContainerRecord, str]]:
    """The containers whose root file system is mounted, and where."""
    from skerry.engine.containers.listing import observed

    found = []
    for record, state in observed(engine):
        shown = storage.shown_path(engine, record)
        if os.path.ismount(shown):
            found.append((record, shown))
        elif state["status"] in states.LIVE:
            found.append((record, states.rootfs_path(engine, record)))
    return found
