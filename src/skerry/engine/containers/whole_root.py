"""A container's files as its processes see them, with its volumes, binds and tmpfs: also of one that does not run.

A running one's are reached by its process. Else the volumes are bound over a copy of its root's mount that only we have:
killed, we leave none of them where a removal could find its way into a volume, and the host's mounts below a bind stay.
Folders that had to be made to bind to are taken away again: one may lie in a volume, whose other users would see it.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, nullcontext
from typing import TYPE_CHECKING, TypeVar

from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.containers import mapped
from skerry.engine.containers import state as states
from skerry.engine.containers.mounts import Mounted
from skerry.engine.containers.storage import owner_outside
from skerry.engine.volumes.copy_up import fill
from skerry.engine.volumes.find import get
from skerry.engine.volumes.mounting import Held
from skerry.errors import SkerryError, Unavailable
from skerry.linux import process
from skerry.linux.apart import made_apart
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, open_in_root, openat2
from skerry.linux.idmap import FilesMadeAs, clone_tree
from skerry.linux.mount import MS_BIND, MS_REC, make_read_only
from skerry.linux.mount import mount as attach
from skerry.runtime import users
from skerry.store.layers import layer_dir
from skerry.store.overlay import mount_overlay

if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig
    from skerry.store.store import Store

T = TypeVar("T")
_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS


def in_whole_root(
    engine: Engine, record: ContainerRecord, work: Callable[[str, bool], T], *, writes: bool = False
) -> T:
    """``work(root, outside)`` with the folder that is the container's root. ``outside``: owners are those that its
    processes have out here, as of one that runs, and of one with ids of its own that ``work`` ``writes`` to: its volumes
    know no others. Paths in it must be opened beneath it: its links and files are the container's."""
    _record, written = states.reload(engine, record["id"])
    fd = _live(states.observe(engine, record["id"], written))
    if fd >= 0:
        try:
            return work(f"/proc/self/fd/{fd}", True)
        finally:
            os.close(fd)
    with ExitStack() as held:
        view = Mounted(engine, record, outside=writes and bool(record["config"].get("uid_maps")))
        root = held.enter_context(view)
        mounts = sorted(record["config"]["mounts"], key=lambda each: each["destination"].count("/"))
        places = [place for mount in mounts if (place := _place(engine, mount, held))]
        for place in places:
            if view.outside:
                place.root_owner = mapped.owner_outside(record["config"], 0, 0)
            _fill(engine, record, root, place, outside=view.outside)
        made = held.enter_context(_Made())
        try:
            fd = made_apart(lambda: _with_mounts(root, places, made))
        except OSError as error:
            raise Unavailable(f"cannot look into the container: {error.strerror}") from error
        try:
            return work(f"/proc/self/fd/{fd}", view.outside)
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


class _Place:
    """A source (or only a part of it), where it is bound, and whether it may be written to. ``layers``: of an image that
    is mounted there instead."""

    __slots__ = ("destination", "layers", "mount", "read_only", "root_owner", "source", "store", "subpath")

    def __init__(self, mount: MountConfig, source: str, store: Store, layers: list[str] | None = None) -> None:
        self.mount = mount
        self.root_owner: tuple[int, int] | None = None  # who makes folders in a root that shows owners as out here
        self.destination, self.source, self.read_only = mount["destination"], source, "ro" in mount["options"]
        self.subpath = mount.get("subpath", "")
        self.store, self.layers = store, layers

    def open(self) -> int:
        """In the mount namespace in which it is bound: the kernel binds nothing of another's."""
        if self.layers is not None:
            return os.open(layer_dir(self.store, self.layers[-1]), os.O_PATH | os.O_CLOEXEC)  # a folder, as it will be
        if self.subpath:
            return open_in_root(self.source, self.subpath, os.O_PATH)
        return os.open(self.source, os.O_PATH | os.O_CLOEXEC)


class _Made:
    """Folders that were made to bind to: gone at the end, those that are empty by then."""

    def __init__(self) -> None:
        self._folders: list[tuple[int, str]] = []  # in which folder, and what
        self._opened: list[int] = []

    def note(self, top: int, path: str) -> None:
        """That the folder ``path`` is about to be made in the root ``top``, with those above it that are missing."""
        names = [name for name in path.split("/") if name]
        there = len(names)
        while True:
            try:
                above = openat2(top, "/".join(names[:there]) or ".", os.O_PATH, resolve=_IN_ROOT)
                break
            except FileNotFoundError:
                there -= 1
        self._opened.append(above)
        self._folders += [(above, "/".join(names[there:end])) for end in range(there + 1, len(names) + 1)]

    def __enter__(self) -> _Made:
        return self

    def __exit__(self, *_failure: object) -> None:
        for above, name in reversed(self._folders):
            try:
                os.rmdir(name, dir_fd=above)
            except OSError:
                pass  # somebody put something there, or it is on a mount that nobody writes to
        for fd in self._opened:
            os.close(fd)


def _place(engine: Engine, mount: MountConfig, held: ExitStack) -> _Place | None:
    """The folder, file or image behind a mount; None for one that only a running container has, as an overlay is."""
    if "O" in mount["options"]:
        return None
    if mount["type"] == "image":
        # Also what may be written to in there: a running container has a layer of its own for that.
        return _Place(mount, "", engine.store, mount["layers"]) if mount["layers"] else None
    if mount["type"] == "bind":
        return _Place(mount, mount["source"], engine.store) if os.path.exists(mount["source"]) else None
    if mount["type"] != "volume" or get(engine, mount["name"]) is None:
        return None
    return _Place(mount, held.enter_context(Held(engine, mount["name"])), engine.store)


def _fill(engine: Engine, record: ContainerRecord, root: str, place: _Place, *, outside: bool) -> None:
    """A volume that nobody has used yet begins as at a start: with what the image has there, and its owner. Where owners
    are mapped, and ``root`` does not show it, that is left to the start."""
    mount = place.mount
    if (
        mount["type"] != "volume"
        or (record["config"].get("uid_maps") and not outside)
        or any(word.startswith("idmap") for word in mount["options"])
    ):
        return
    volume = get(engine, mount["name"])
    if volume is None or not volume["needs_copy_up"]:
        return
    try:
        user = users.resolve(root, record["config"]["user"], [])
    except SkerryError:
        return  # whoever starts it is told
    copy = mount.get("copy_up", False) and not mount.get("subpath")
    owner = owner_outside(record["config"], user)
    fill(engine, volume, place.source, root, mount["destination"], owner, copy=copy)


def _with_mounts(root: str, places: list[_Place], made: _Made) -> int:
    for place in places:
        _bind(root, place, made)
    return clone_tree(root, recursive=True)


def _bind(root: str, place: _Place, made: _Made) -> None:
    """Bind at a place in the container's root, wherever links in there lead; a folder is made for a folder, as the
    runtime would."""
    try:
        source = place.open()
    except OSError:
        return  # it is gone, as a start would say
    try:
        _bind_at(root, place, source, made)
    finally:
        os.close(source)


def _bind_at(root: str, place: _Place, source: int, made: _Made) -> None:
    destination = place.destination
    top = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = openat2(top, destination, os.O_PATH, resolve=_IN_ROOT)
    except FileNotFoundError:
        made.note(top, destination)
        fd = _made(root, place, source)
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    finally:
        os.close(top)
    if fd < 0:
        return
    try:
        if place.layers is not None:
            _mount_image(root, place, f"/proc/self/fd/{fd}")
        else:
            attach(f"/proc/self/fd/{source}", f"/proc/self/fd/{fd}", flags=MS_BIND | MS_REC)
        if place.read_only:
            make_read_only(_mounted_at(root, destination))
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    finally:
        os.close(fd)


def _mount_image(root: str, place: _Place, target: str) -> None:
    """Mount an image's tree, or bind only a part of it over it."""
    assert place.layers is not None
    mount_overlay(place.store, target, place.layers)
    if not place.subpath:
        return
    whole = _mounted_at(root, place.destination)
    try:
        part = open_in_root(whole, place.subpath, os.O_PATH)
    except OSError:
        return  # as a start would say
    try:
        attach(f"/proc/self/fd/{part}", whole, flags=MS_BIND | MS_REC)
    finally:
        os.close(part)


def _mounted_at(root: str, destination: str) -> str:
    """What was just mounted: opened anew, since the descriptor shows what is below it. Nobody else can be in the way:
    the container does not run, and its lock is held."""
    fd = open_in_root(root, destination, os.O_PATH)
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)


def _made(root: str, place: _Place, source: int) -> int:
    """A new folder to bind to; -1 for a file, which nobody needs as long as the container does not run."""
    destination, owner = place.destination, place.root_owner
    if not stat.S_ISDIR(os.fstat(source).st_mode):
        return -1
    with (
        FilesMadeAs(*owner) if owner else nullcontext(),
        Placer(root, new_folders=Metadata(0o755, *(owner or (0, 0)), 0)) as placer,
    ):
        placer.folder(destination, None)
    return open_in_root(root, destination, os.O_PATH)
