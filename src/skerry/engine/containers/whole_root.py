"""A container's files as its processes see them, with its volumes, binds and tmpfs: also of one that does not run.

A running one's are reached by its process. Else the volumes are bound over its root for as long as the work lasts.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.containers import state as states
from skerry.engine.containers.mounts import Mounted
from skerry.engine.volumes.find import get
from skerry.errors import Unavailable
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, open_in_root, openat2
from skerry.linux.mount import MNT_DETACH, MS_BIND, MS_REC, umount
from skerry.linux.mount import mount as attach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

T = TypeVar("T")


def in_whole_root(engine: Engine, record: ContainerRecord, work: Callable[[str, bool], T]) -> T:
    """``work(root, live)`` with the folder that is the container's root. ``live``: it runs, and owners are those that
    its processes have out here. Paths in it must be opened beneath it: its links and files are the container's."""
    _record, written = states.reload(engine, record["id"])
    state = states.observe(engine, record["id"], written)
    if state["status"] in ("running", "paused") and state.get("pid"):
        return work(f"/proc/{state['pid']}/root", True)
    with Mounted(engine, record) as root, ExitStack() as stack:
        for mount in sorted(record["config"]["mounts"], key=lambda each: each["destination"].count("/")):
            source = _source(engine, mount)
            if source:
                stack.enter_context(_bound(root, mount["destination"], source))
        return work(root, False)


def _source(engine: Engine, mount: MountConfig) -> str:
    if mount["type"] == "bind":
        return mount["source"] if os.path.exists(mount["source"]) else ""
    volume = get(engine, mount["name"]) if mount["type"] == "volume" else None
    return volume["mountpoint"] if volume is not None else ""


@contextmanager
def _bound(root: str, destination: str, source: str) -> Iterator[None]:
    """Bind at a place in the container's root, wherever links in there lead; a folder is made for a folder, as the
    runtime would.

    If we die the container's next command detaches it with the root."""
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
        yield
        return
    try:
        place = os.readlink(f"/proc/self/fd/{fd}")
        attach(source, f"/proc/self/fd/{fd}", flags=MS_BIND | MS_REC)
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    finally:
        os.close(fd)
    try:
        yield
    finally:
        umount(place, MNT_DETACH)


def _made(root: str, destination: str, source: str) -> int:
    """A new folder to bind to; -1 for a file, which nobody needs as long as the container does not run."""
    if not os.path.isdir(source):
        return -1
    with Placer(root, new_folders=Metadata(0o755, 0, 0, 0)) as placer:
        placer.folder(destination, None)
    return open_in_root(root, destination, os.O_PATH)
