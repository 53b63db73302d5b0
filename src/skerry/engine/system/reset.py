"""``skerry system reset``: everything of one store, whatever state it is in.

Only what Skerry itself makes is removed: a root that was mistyped as somebody's home loses nothing else. Other
stores, and the leases and bridges that they share with this one, are left as they are.
"""

from __future__ import annotations

import os
import time

from skerry.engine.system import leftovers
from skerry.engine.volumes.remove import REMOVED
from skerry.errors import NotFound, SkerryError
from skerry.linux import process
from skerry.linux.mount import MNT_DETACH, umount
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.engine import Engine

_ROOT = (
    "blobs", "partial", "layers", "containers", "staging", "locks", "cache", "builds", "pins", "secrets", "reserve", "spares", "stores", "skerry.db",
    "skerry.db-wal", "skerry.db-shm",
)  # fmt: skip
_RUNROOT = (
    "boot",
    "containers",
    "builds",
    "exits",
    "clients",
    "health",
    "supervisor",
    "mounts",
    "image-mounts",
    "volumes",
    "netns",
    "networks",
    "crun",
    "runc",
    "seccomp",
)
_VOLUME = ({"_data"}, {"_data", "upper", "work"})  # what a volume's folder holds
_CONMON_WAIT_S = 5.0


def reset(engine: Engine) -> list[str]:
    """See `System.reset`."""
    problems: list[str] = []
    # The room that is kept for a full disk, before the database is touched: where blocks are smaller than pages, SQLite's
    # shared memory has holes, and writing to them without a free block is a SIGBUS.
    for name in ("reserve", "spares"):
        _attempt(problems, lambda name=name: _remove(engine.store.path(name)))  # type: ignore[misc]
    conmons = _conmons(engine)
    _attempt(problems, lambda: _containers(engine))
    _attempt([], lambda: _remains(engine))  # ends what runs; a conmon may still write into a folder, so once more below
    for step in (_networks, _sweep_network):
        _attempt(problems, lambda step=step: step(engine))  # type: ignore[misc]
    # conmon's exit command would make the store anew.
    _wait_for(conmons)
    _attempt(problems, lambda: _remains(engine))
    _attempt(problems, lambda: _volumes(engine))
    paths = [engine.store.path(name) for name in _ROOT] + [engine.store.run_path(name) for name in _RUNROOT]
    for path in (*paths, engine.settings.events_path):
        _attempt(problems, lambda path=path: _remove(path))  # type: ignore[misc]
    for path in (
        engine.store.path("volumes"), os.path.dirname(engine.settings.events_path), engine.settings.network_config_dir, engine.settings.volume_path,
        engine.settings.tmpdir, engine.settings.root, engine.settings.runroot,
    ):  # fmt: skip
        _remove_empty(path, keep=engine.settings.run_base)
    return problems


def _attempt(problems: list[str], action: Callable[[], object]) -> None:
    """One thing that cannot be removed must not keep the others."""
    try:
        action()
    except SkerryError as error:
        problems.append(str(error))
    except OSError as error:
        problems.append(f"{error.filename or ''}: {error.strerror}")


def _containers(engine: Engine) -> None:
    """Those that the database knows, the ordinary way; a damaged one is passed over, `_remains` takes the rest."""
    try:
        ids = engine.containers.ids()
    except (SkerryError, ValueError, KeyError):
        return
    for container_id in ids:
        try:
            engine.containers.remove(container_id, force=True, depend=True, timeout_s=0)
        except (SkerryError, ValueError, KeyError):
            continue


def _remains(engine: Engine) -> None:
    """What folders and leases name that no row does any more, and builds, also those that run."""
    from skerry.engine.builds import sweep

    for name in {name.removesuffix(".lock") for name in leftovers.names(sweep.roots_folder(engine))}:
        sweep.take_down(engine, name)
    ids = set(leftovers.names(engine.store.path("containers")))
    ids.update(leftovers.names(engine.store.run_path("containers")))
    ids.update(leftovers.names(engine.store.run_path("mounts")))
    for name in ("crun", "runc"):
        ids.update(leftovers.names(engine.store.run_path(name)))
    try:
        ids.update(leftovers.leased(engine))
    except SkerryError:
        pass  # no network to ask: nothing is leased
    for container_id in ids:
        if len(container_id) == 64 and not container_id.strip("0123456789abcdef"):
            leftovers.remove_all(engine, container_id)


def _conmons(engine: Engine) -> list[tuple[int, int]]:
    """The monitors of this store: (pid, start time) of those whose command line names its run folder."""
    wanted = os.fsencode(engine.store.run_path("containers")) + b"/"
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue  # it ended
        if words[0].endswith(b"conmon") and any(word.startswith(wanted) for word in words):
            start = process.start_time(int(name))
            if start is not None:
                found.append((int(name), start))
    return found


def _wait_for(conmons: list[tuple[int, int]]) -> None:
    deadline = time.monotonic() + _CONMON_WAIT_S
    for pid, start in conmons:
        while process.is_same(pid, start):
            if time.monotonic() > deadline:
                os.kill(pid, 9)
                break
            time.sleep(0.01)


def _networks(engine: Engine) -> None:
    from skerry.network import definitions

    for network in definitions.all_networks(engine.network):
        try:
            definitions.remove(engine.network, network["name"])
        except (NotFound, OSError):
            continue  # the default one, which is in no file


def _sweep_network(engine: Engine) -> None:
    from skerry.network import setup

    setup.sweep(engine.network, ())
    setup.forget_host(engine.network)


def _volumes(engine: Engine) -> None:
    """Folders that are volumes: of --volumepath nothing else is ours."""
    top = engine.settings.volume_path
    for name in leftovers.names(top):
        path = os.path.join(top, name)
        if name.startswith(REMOVED) or (not os.path.islink(path) and set(leftovers.names(path)) in _VOLUME):
            _remove(path)


def _remove(path: str) -> None:
    for point in reversed(leftovers.mounts_below(path)):
        umount(point, MNT_DETACH)
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    else:
        remove_tree(path)


def _remove_empty(path: str, *, keep: str) -> None:
    if path == keep:
        return
    try:
        os.rmdir(path)
    except OSError:
        pass  # not empty, or not ours to remove
