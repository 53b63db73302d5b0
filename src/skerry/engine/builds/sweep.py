"""What builders that were killed left: found by their free locks, and taken away by the next command.

Called by every command that opens the engine, so what it costs when there is nothing is one readdir.
"""

from __future__ import annotations

import os

from skerry.store.locks import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.runtime import oci


def roots_folder(engine: Engine) -> str:
    """Where the working roots of all builders are."""
    return engine.store.path("builds", "roots")


def names(folder: str) -> list[str]:
    """What is in a folder; nothing when it is not there."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def dead_roots(engine: Engine) -> list[tuple[str, Lock]]:
    """(id, its lock, held) of each working root whose builder died."""
    folder = roots_folder(engine)
    found = []
    for name in {name.removesuffix(".lock") for name in names(folder)}:
        try:
            found.append((name, Lock(f"{folder}/{name}.lock", blocking=False)))
        except BlockingIOError:
            continue  # its builder lives
    return found


def sweep(engine: Engine) -> int:
    """Take down every working root whose builder died: its processes, network, mounts, files. How many."""
    if not names(roots_folder(engine)):
        return 0
    count = 0
    for root_id, lock in dead_roots(engine):
        try:
            take_down(engine, root_id)
            count += 1
        finally:
            lock.release(remove=not os.path.lexists(f"{roots_folder(engine)}/{root_id}"))
    return count


def take_down(engine: Engine, root_id: str) -> None:
    """Remove a working root (whose lock is held). Idempotent, best effort: what cannot be had now, the next one does."""
    from skerry.errors import SkerryError
    from skerry.store.staging import remove_tree
    from skerry.store.steps import step

    run_folder = engine.store.run_path("builds", root_id)
    for container_id in names(run_folder):
        # Also takes its file away, which nobody else would.
        with engine.store.lock("container", container_id, fleeting=True):
            end_step(engine, container_id, f"{run_folder}/{container_id}")
    step("build.sweep-root")
    folder = f"{roots_folder(engine)}/{root_id}"
    try:
        _unmount_below(folder)
        remove_run_folder(run_folder)
        remove_tree(folder)
    except (OSError, SkerryError):
        pass  # something is still looking into it


def end_step(engine: Engine, container_id: str, bundle: str, *, leased: bool = True) -> None:
    """Kill what runs of a step and give back its control groups and network; its bundle stays. Idempotent."""
    from skerry.engine.builds import network
    from skerry.errors import SkerryError
    from skerry.network import pasta
    from skerry.runtime import cgroups, oci

    for runtime in _runtimes(engine, container_id):
        try:
            oci.delete(runtime, container_id, force=True)
        except SkerryError:
            continue  # it does not know it any more
    _kill_group(_group_of(bundle, container_id))
    cgroups.remove(_group_of(bundle, container_id))
    pasta.stop(bundle + "/pasta.pid")
    try:
        network.take_down(engine, container_id, leased=leased)
    except SkerryError:
        pass  # tried again when the network is swept


def _runtimes(engine: Engine, container_id: str) -> list[oci.Runtime]:
    """The runtimes that know a container of this name, by their state folders."""
    from skerry.errors import SkerryError
    from skerry.runtime import oci

    found = []
    for label in ("crun", "runc", *engine.settings.runtimes):
        if os.path.lexists(engine.store.run_path(label, container_id)):
            try:
                found.append(oci.find(engine.settings, label))
            except SkerryError:
                continue  # it was uninstalled
    return found


def _group_of(bundle: str, container_id: str) -> str:
    """The step's control group as its builder noted it; where it is by default otherwise."""
    from skerry.runtime import cgroups

    try:
        with open(bundle + "/cgroup", encoding="utf-8") as file:
            return file.read()
    except OSError:
        return cgroups.default_path({"id": container_id})


def _kill_group(path: str) -> None:
    """End what still runs in the group, in whatever pid namespace."""
    import time

    from skerry.linux import cgroup

    if not path.startswith("/"):
        return
    for _ in range(50):
        pids = {pid for tree in cgroup.hierarchies() for pid in cgroup.processes(tree.folder(path))}
        for pid in pids:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue  # it ended meanwhile
        if not pids:
            return
        time.sleep(0.01)


def remove_bundle(folder: str) -> None:
    """Remove a step's bundle, with the secrets that are mounted in it. Raises OSError."""
    from skerry.linux.mount import MNT_DETACH, umount
    from skerry.store.staging import remove_tree

    secrets = folder + "/secret"
    if os.path.ismount(secrets):
        umount(secrets, MNT_DETACH)
    if os.path.lexists(folder + "/ids") or os.path.lexists(folder + "/userns") or os.path.lexists(folder + "/mounts"):
        _unmount_below(folder)  # it had ids of its own
    remove_tree(folder)


def remove_run_folder(folder: str) -> None:
    """Remove the bundles of a working root. Raises OSError."""
    for name in names(folder):
        remove_bundle(f"{folder}/{name}")
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass  # no step ran in it


def _unmount_below(folder: str) -> None:
    from skerry.engine.system.leftovers import mounts_below
    from skerry.linux.mount import MNT_DETACH, umount

    for point in reversed(mounts_below(folder)):
        try:
            umount(point, MNT_DETACH)
        except OSError:
            continue  # somebody was faster
