"""Places for a runtime to mount at, without a trace in the layer.

A runtime makes the folders and empty files that it mounts over where they are missing, and they would be in the
layer. Here they are in folders *below* all layers of the overlay: visible where no layer has something, and written
by nobody. Where that does not help (a layer hides the place, or a link leads elsewhere) what the runtime made is
removed after the step, and the time of the folder around it restored, as BuildKit does.
"""

from __future__ import annotations

import os
import stat

from skerry.engine.builds.root import translated
from skerry.engine.containers.storage import ensure_working_directory
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Any

    from skerry.engine.builds.root import WorkingRoot
    from skerry.engine.builds.step_ids import StepIDs
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig, ResolvedUser

_FOLDERS = ("proc", "sys", "dev", "etc", "run")
_HOSTNAME = "/etc/hostname"
_FILES = ("/etc/resolv.conf", "/etc/hosts", "/run/.containerenv")
_PATH = os.O_PATH | os.O_DIRECTORY
_INSIDE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
_MOST_LINKS = 40


class _Made:
    """A place that was not there before: the names that are missing from the folder ``parent`` on."""

    __slots__ = ("missing", "parent", "times")

    def __init__(self, parent: int, missing: list[str]) -> None:
        self.parent = parent
        self.missing = missing
        status = os.fstat(parent)
        self.times = (status.st_atime_ns, status.st_mtime_ns)


class Stubs:
    """``with Stubs(root, mounts) as path``: the tree, mounted with a place for each of ``mounts``."""

    def __init__(self, root: WorkingRoot, mounts: Sequence[MountConfig], ids: StepIDs | None = None) -> None:
        self._root = root
        self._ids = ids
        self._mounts = mounts
        self._made: list[_Made] = []

    def __enter__(self) -> str:
        try:
            named = any(mount["destination"] == _HOSTNAME for mount in self._mounts)
            files = (*_FILES, _HOSTNAME) if named else _FILES
            folders = [_common(self._root.engine, files)]
            others = [mount for mount in self._mounts if mount["destination"] not in files]
            if others:
                folders.insert(0, self._root.folder + "/stubs")
                remove_tree(folders[0])  # an earlier step's
                _make_folder(folders[0])
                for mount in others:
                    _make_place(folders[0], mount)
            path = self._root.mount(folders, self._ids)
            self._look(path)
        except OSError as error:
            raise translated(error, "cannot prepare a step's mounts") from error
        return path

    def _look(self, path: str) -> None:
        """Note which places are not there in spite of all."""
        root = os.open(path, _PATH | os.O_CLOEXEC)
        try:
            for mount in self._mounts:
                made = _missing(root, mount["destination"])
                if made is not None:
                    self._made.append(made)
        finally:
            os.close(root)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for made in reversed(self._made):
            try:
                _take_away(made)
            finally:
                os.close(made.parent)
        self._root.unmount()


def _common(engine: Engine, files: Sequence[str]) -> str:
    """The folder with the places that every step needs, of the whole store: made once, never changed."""
    # Another name whenever its content is another.
    folder = engine.store.path("builds", f"stubs-{len(files)}")
    if os.path.isdir(folder):
        return folder
    staged = engine.store.path("builds", f"stubs.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        _make_folder(staged)
        for name in _FOLDERS:
            _make_folder(f"{staged}/{name}")
        for name in files:
            os.close(os.open(staged + name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
        os.rename(staged, folder)
    except OSError:
        remove_tree(staged)
        if not os.path.isdir(folder):  # another build was faster
            raise
    return folder


def _make_folder(path: str) -> None:
    try:
        os.mkdir(path, 0o755)
        os.chmod(path, 0o755)  # whatever our umask is
    except FileExistsError:
        pass  # a second mount below it


def _make_place(folder: str, mount: MountConfig) -> None:
    names = [name for name in mount["destination"].split("/") if name not in ("", ".")]
    if ".." in names or not names:
        return  # the runtime finds what it means, or that it is nothing
    is_file = mount["type"] == "bind" and not os.path.isdir(mount["source"])
    try:
        for number in range(1, len(names) + (0 if is_file else 1)):
            _make_folder(folder + "/" + "/".join(names[:number]))
        if is_file:
            path = folder + "/" + "/".join(names)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))
    except (NotADirectoryError, IsADirectoryError):
        pass  # one mount inside of another's file: the runtime says so


def _missing(root: int, target: str) -> _Made | None:
    """What is missing of ``target`` in the tree, looked up as a process in it would; None when it is there."""
    left = [name for name in target.split("/") if name not in ("", ".")]
    reached: list[str] = []
    for _ in range(_MOST_LINKS):
        parent = openat2(root, "/" + "/".join(reached), _PATH, resolve=_INSIDE)
        while left:
            try:
                status = os.stat(left[0], dir_fd=parent, follow_symlinks=False)
            except FileNotFoundError:
                return _Made(parent, left)
            if stat.S_ISLNK(status.st_mode):
                break
            if len(left) == 1 or not stat.S_ISDIR(status.st_mode):
                left = []
                break
            reached.append(left.pop(0))
            inner = os.open(reached[-1], _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            os.close(parent)
            parent = inner
        if not left:
            os.close(parent)
            return None
        link = os.readlink(left[0], dir_fd=parent)
        os.close(parent)
        reached, left = _followed(reached, link, left[1:])
    return None


def _followed(reached: list[str], link: str, rest: list[str]) -> tuple[list[str], list[str]]:
    """Where one is and what is left after a symbolic link."""
    names = [name for name in link.split("/") if name not in ("", ".")]
    base = [] if link.startswith("/") else list(reached)
    while names and names[0] == "..":
        names.pop(0)
        base = base[:-1]
    # ".." further inside is seldom, and then the runtime's own look-up decides.
    return base, [name for name in names if name != ".."] + rest


def _take_away(made: _Made) -> None:
    """Remove what is still as the runtime made it: empty folders, an empty file."""
    parents = [os.dup(made.parent)]
    try:
        for name in made.missing[:-1]:
            parents.append(os.open(name, _PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parents[-1]))
    except OSError:
        pass  # the program removed or replaced it
    removed = False
    try:
        for fd, name in reversed(list(zip(parents, made.missing, strict=False))):
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                os.rmdir(name, dir_fd=fd)
            elif stat.S_ISREG(status.st_mode) and not status.st_size:
                os.unlink(name, dir_fd=fd)
            else:
                break
            removed = True
    except OSError:
        pass  # the program put something into it: that is a change
    finally:
        for fd in parents:
            os.close(fd)
    if removed:
        os.utime(f"/proc/self/fd/{made.parent}", ns=made.times)


def make_working_directory(
    rootfs: str, cwd: str, user: ResolvedUser, mounted: Sequence[str], ids: StepIDs | None = None
) -> None:
    """Make the step's working directory where it is not there, unless it is inside of a mount. ``user``: out here."""
    maps = ids.config if ids is not None and ids.differ else {}
    record: Any = {
        "id": "build", "config": {"cwd": cwd or "/", "mounts": [{"destination": path} for path in mounted], **maps},
    }  # fmt: skip
    ensure_working_directory(record, rootfs, user)
