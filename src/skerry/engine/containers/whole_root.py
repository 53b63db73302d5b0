"""A container's files as its processes see them, with its volumes, binds and tmpfs: also of one that does not run.

A running one's are reached by its process. Else the volumes are bound over a copy of its root's mount that only we have:
killed, we leave none of them where a removal could find its way into a volume, and the host's mounts below a bind stay.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.containers import state as states
from skerry.engine.containers.mounts import Mounted
from skerry.engine.volumes.find import get
from skerry.errors import Unavailable
from skerry.linux import process
from skerry.linux.apart import made_apart
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, open_in_root, openat2
from skerry.linux.idmap import clone_tree
from skerry.linux.mount import MS_BIND, MS_REC
from skerry.linux.mount import mount as attach

if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

T = TypeVar("T")


def in_whole_root(engine: Engine, record: ContainerRecord, work: Callable[[str, bool], T]) -> T:
    """``work(root, live)`` with the folder that is the container's root. ``live``: it runs, and owners are those that
    its processes have out here. Paths in it must be opened beneath it: its links and files are the container's."""
    _record, written = states.reload(engine, record["id"])
    fd = _live(states.observe(engine, record["id"], written))
    if fd >= 0:
        try:
            return work(f"/proc/self/fd/{fd}", True)
        finally:
            os.close(fd)
    with Mounted(engine, record) as root:
        places = [
            (mount["destination"], source)
            for mount in sorted(record["config"]["mounts"], key=lambda each: each["destination"].count("/"))
            if (source := _source(engine, mount))
        ]
        try:
            fd = made_apart(lambda: _with_mounts(root, places))
        except OSError as error:
            raise Unavailable(f"cannot look into the container: {error.strerror}") from error
        try:
            return work(f"/proc/self/fd/{fd}", False)
        finally:
            os.close(fd)


def _live(state: ContainerState) -> int:
    """The root of a running container's process; -1 when it does not run (any more: its number may be another's)."""
    if state["status"] not in ("running", "paused") or not state.get("pid"):
        return -1
    try:
        fd = os.open(f"/proc/{state['pid']}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, ProcessLookupError):
        return -1
    except OSError as error:
        raise Unavailable(f"cannot look into the container: {error.strerror}") from error
    if process.is_same(state["pid"], state.get("pid_start", 0)):
        return fd
    os.close(fd)
    return -1


def _source(engine: Engine, mount: MountConfig) -> str:
    if mount["type"] == "bind":
        return mount["source"] if os.path.exists(mount["source"]) else ""
    volume = get(engine, mount["name"]) if mount["type"] == "volume" else None
    return volume["mountpoint"] if volume is not None else ""


def _with_mounts(root: str, places: list[tuple[str, str]]) -> int:
    for destination, source in places:
        _bind(root, destination, source)
    return clone_tree(root, recursive=True)


def _bind(root: str, destination: str, source: str) -> None:
    """Bind at a place in the container's root, wherever links in there lead; a folder is made for a folder, as the
    runtime would."""
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = openat2(top, destination, os.O_PATH, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    except FileNotFoundError:
        fd = _made(root, destination, source)
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    finally:
        os.close(top)
    if fd < 0:
        return
    try:
        attach(source, f"/proc/self/fd/{fd}", flags=MS_BIND | MS_REC)
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    finally:
        os.close(fd)


def _made(root: str, destination: str, source: str) -> int:
    """A new folder to bind to; -1 for a file, which nobody needs as long as the container does not run."""
    if not os.path.isdir(source):
        return -1
    with Placer(root, new_folders=Metadata(0o755, 0, 0, 0)) as placer:
        placer.folder(destination, None)
    return open_in_root(root, destination, os.O_PATH)
