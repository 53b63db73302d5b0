"""What one container can leave on the host when commands are killed, and how each piece is taken away.

The container's lock is held by the caller of everything here that is about a container.
"""

from __future__ import annotations

import os

from skerry.engine.containers import state as states
from skerry.engine.containers.network import netns_path
from skerry.errors import SkerryError, Unavailable
from skerry.linux import cgroup, netns
from skerry.linux.mount import MNT_DETACH, umount
from skerry.runtime import cgroups, oci
from skerry.store.locks import Lock
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine


def names(folder: str) -> list[str]:
    """What is in a folder; nothing when it is not there."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def modified(path: str) -> float:
    """When the file was written; now when it is gone."""
    import time

    try:
        return os.stat(path).st_mtime
    except OSError:
        return time.time()


def unlink(path: str) -> None:
    """Remove a file that somebody else may remove, too."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass  # another command was faster


def try_path(path: str) -> Lock | None:
    """The lock on an existing file; None while somebody holds it."""
    try:
        return Lock(path, blocking=False)
    except BlockingIOError:
        return None


def leased(engine: Engine) -> list[str]:
    """The containers of this store that hold a lease of the host's network."""
    from skerry.network.setup import leased_by

    return leased_by(engine.network)


def of_container(
    engine: Engine, container_id: str, record: ContainerRecord | None, state: ContainerState | None
) -> list[str]:
    """What a container that does not run has left, in words."""
    left = []
    bundle = states.run_folder(engine, container_id)
    if os.path.lexists(bundle):
        left.append("mounts" if mounts_below(bundle) else "its run folder")
    if netns.is_namespace(netns_path(engine, container_id)):
        left.append("a network namespace")
    if container_id in leased(engine):
        left.append("a network lease")
    if any(os.path.isdir(folder) for folder in _groups(container_id, record, state)):
        left.append("a control group")
    return left


def _groups(container_id: str, record: ContainerRecord | None, state: ContainerState | None) -> list[str]:
    """Where the container's control groups are if there are any (systemd removes those that it made)."""
    path = (state or {}).get("cgroup_path", "")
    if not path.startswith("/"):
        path = cgroups.default_path(record["config"] if record else {"id": container_id})
    return [tree.folder(path) for tree in cgroup.hierarchies()]


def mounts_below(folder: str) -> list[str]:
    """Mount points inside ``folder``, innermost last."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        points = [line.split(" ")[1].encode("latin-1", "surrogateescape") for line in file]
    found = [point.decode("unicode_escape").encode("latin-1").decode("utf-8", "surrogateescape") for point in points]
    return [point for point in found if point == folder or point.startswith(folder + "/")]


def remove_namespace(engine: Engine, container_id: str) -> None:
    """Unmount and remove the network namespace. Idempotent."""
    path = netns_path(engine, container_id)
    if os.path.lexists(path):
        netns.remove(path)


def remove_all(engine: Engine, container_id: str) -> None:
    """Everything that a container without a row left: processes, control groups, network, mounts, files."""
    try:
        oci.delete(oci.find(engine.settings), container_id)
    except SkerryError:
        pass  # the runtime knows nothing of it
    kill_group(container_id)
    from skerry.network import setup

    setup.tear_down(engine.network, container_id)
    remove_namespace(engine, container_id)
    for folder in (
        states.run_folder(engine, container_id),
        states.folder(engine, container_id),
        engine.store.run_path("mounts", container_id),
    ):
        for point in reversed(mounts_below(folder)):
            umount(point, MNT_DETACH)
        try:
            remove_tree(folder)
        except OSError as error:
            raise Unavailable(f"cannot remove {folder}: {error.strerror}") from error
    unlink(states.exit_file(engine, container_id))


def kill_group(container_id: str) -> None:
    """End what still runs in the container's control groups, and remove them."""
    path = cgroups.default_path({"id": container_id})
    for tree in cgroup.hierarchies():
        for pid in cgroup.processes(tree.folder(path)):
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                pass  # it ended meanwhile
    cgroups.remove(path)
