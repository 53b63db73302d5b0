"""Making files in a root file system that an image chose: nothing leads out of it, whatever links it has.

What is in the way gives way as with BuildKit's COPY: a file replaces a file or a link, a folder joins a folder."""

from __future__ import annotations

import errno
import os
import stat

from skerry.errors import Conflict, Invalid, OutOfSpace, Unavailable
from skerry.linux.beneath import RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, openat2
from skerry.linux.content import copy_content, nothing
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import TracebackType

    from skerry.engine.builds.select import Item, Tree

_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MAX_OPEN = 64
_MAX_LINKS = 40  # as the kernel


class Metadata:
    """How a file shall be. ``mode`` are the permission bits."""

    __slots__ = ("gid", "mode", "mtime_ns", "uid", "xattrs")

    def __init__(self, mode: int, uid: int, gid: int, mtime_ns: int, xattrs: Mapping[str, bytes] | None = None) -> None:
        self.mode, self.uid, self.gid, self.mtime_ns = mode, uid, gid, mtime_ns
        self.xattrs = xattrs or {}


class Placer:
    """Puts files into the tree ``root``; paths are absolute in it. A context manager. `Unavailable`, `OutOfSpace`."""

    def __init__(self, root: str, *, new_folders: Metadata, between: Callable[[], None] = nothing) -> None:
        """``new_folders``: how folders are made that are only on the way. ``between`` is called after each file and
        in large ones, and may raise."""
        self._between = between
        self._root = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._folders: dict[str, int] = {}
        self._new_folders = new_folders
        self._times: dict[str, int] = {}
        self._plain = ""  # below it no link is followed
        self.made: set[str] = set()  # folders that are new and, without links on the way, where their paths say
        self.replaced = False  # something that was there
        self._real = os.path.realpath(root)
        self.replaces_folders = False  # a file takes a folder's place, as when an archive is unpacked

    def __enter__(self) -> Placer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for fd in self._folders.values():
            os.close(fd)
        os.close(self._root)
        if isinstance(error, OSError):
            raise translated(error) from error

    def follow_no_links_below(self, path: str) -> None:
        """Where links are not ours and the root is the host's: from here on what is made below ``path`` stays there."""
        self._plain = path.rstrip("/") + "/"

    def is_taken(self, path: str) -> bool:
        """Whether there is something other than a folder, be it a link to nowhere."""
        try:
            parent, name = self._parent(path)
            os.stat(name, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return self.kind(path) != "folder"

    def followed(self, path: str) -> str:
        """Where a link at ``path`` leads, be it to nothing yet; ``path`` itself where there is none."""
        for _ in range(_MAX_LINKS):
            above, _slash, name = path.rpartition("/")
            try:
                parent = self._resolve(above or "/", _FOLDER)
            except OSError:
                return path
            try:
                target = os.readlink(name, dir_fd=parent)
            except OSError:
                return path
            finally:
                os.close(parent)
            path = target if target.startswith("/") else f"{above}/{target}"
        return path

    def kind(self, path: str) -> str:
        """What is at a path, links followed: "folder", "file" or ""."""
        try:
            fd = self._resolve(path, os.O_PATH)
        except OSError:
            return ""
        try:
            return "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
        finally:
            os.close(fd)

    def folder(self, path: str, metadata: Metadata | None) -> None:
        """A folder at ``path``; one that is there takes on ``metadata`` (None: stays as it is)."""
        if path.strip("/"):
            made = self._make_folder(path, metadata)
        else:
            made = False
        if metadata is not None:
            fd = self._open(path)
            if not made:
                os.fchown(fd, metadata.uid, metadata.gid)
                os.fchmod(fd, metadata.mode)
            _set_xattrs(fd, metadata.xattrs)
            self._times[path] = metadata.mtime_ns

    def _make_folder(self, path: str, metadata: Metadata | None) -> bool:
        parent, name = self._parent(path)
        how = metadata or self._new_folders
        try:
            os.mkdir(name, how.mode, dir_fd=parent)
        except FileExistsError:
            if self.kind(path) == "folder":
                return False
            if metadata is None:
                there = self.followed(path)  # a link to nothing yet: what it leads to is made
                if there != path and not self.is_taken(there):
                    return self._make_folder(there, None)
                raise Conflict(f"{path} is in the way: it is no folder") from None
            self._make_room(parent, name, path, for_folder=True)
            os.mkdir(name, how.mode, dir_fd=parent)
        # By a descriptor: a process of the container may have put a link in its place, and chmod would follow it.
        fd = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=parent)
        try:
            os.fchown(fd, how.uid, how.gid)
            # Not by the umask: that is the whole process's, and other stages are built in other threads.
            os.fchmod(fd, how.mode)
            if path.rpartition("/")[0] in self.made or os.readlink(f"/proc/self/fd/{fd}") == self._real + path:
                self.made.add(path)
        finally:
            os.close(fd)
        if metadata is None:
            self._times[path] = how.mtime_ns
        return True

    def file(self, path: str, source: int, metadata: Metadata) -> None:
        """A regular file with what the descriptor ``source`` has from its position on."""
        fd = self.open_new(path)
        try:
            copy_content(source, fd, between=self._between)
            self.finish_file(fd, metadata)
        finally:
            os.close(fd)
        self._between()

    def open_new(self, path: str) -> int:
        """A new, empty file to write to, in place of what was there; then `finish_file`."""
        parent, name = self._parent(path)
        try:
            return os.open(name, _NEW, 0o600, dir_fd=parent)
        except FileExistsError:
            self._make_room(parent, name, path)
            return os.open(name, _NEW, 0o600, dir_fd=parent)

    def write(self, path: str, pieces: Iterable[bytes | memoryview], metadata: Metadata) -> None:
        """A regular file with these bytes."""
        fd = self.open_new(path)
        try:
            for piece in pieces:
                view = memoryview(piece)
                while view:
                    view = view[os.write(fd, view) :]
            self.finish_file(fd, metadata)
        finally:
            os.close(fd)

    def finish_file(self, fd: int, metadata: Metadata) -> None:
        """Owner, mode, attributes and time, in the order in which they do not undo each other."""
        os.fchown(fd, metadata.uid, metadata.gid)
        os.fchmod(fd, metadata.mode)
        _set_xattrs(fd, metadata.xattrs)
        os.utime(fd, ns=(metadata.mtime_ns, metadata.mtime_ns))

    def link(self, path: str, target: str, metadata: Metadata) -> None:
        """A symbolic link."""
        parent, name = self._parent(path)
        try:
            os.symlink(target, name, dir_fd=parent)
        except FileExistsError:
            self._make_room(parent, name, path)
            os.symlink(target, name, dir_fd=parent)
        self._finish_name(parent, name, metadata)

    def hard_link(self, path: str, target: str) -> None:
        """Another name of the file ``target``, which was placed before."""
        source_parent, source_name = self._parent(target)
        source_parent = os.dup(source_parent)
        try:
            parent, name = self._parent(path)
            try:
                os.link(source_name, name, src_dir_fd=source_parent, dst_dir_fd=parent, follow_symlinks=False)
            except FileExistsError:
                self._make_room(parent, name, path)
                os.link(source_name, name, src_dir_fd=source_parent, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(source_parent)

    def node(self, path: str, kind: int, device: int, metadata: Metadata) -> None:
        """A fifo or device. ``kind``: its S_IF… bits."""
        parent, name = self._parent(path)
        try:
            os.mknod(name, kind | metadata.mode, device, dir_fd=parent)
        except FileExistsError:
            self._make_room(parent, name, path)
            os.mknod(name, kind | metadata.mode, device, dir_fd=parent)
        self._finish_name(parent, name, metadata)
        fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                os.chmod(f"/proc/self/fd/{fd}", metadata.mode)
        finally:
            os.close(fd)

    def remove(self, path: str) -> None:
        """Take away a folder with all in it."""
        parent, name = self._parent(path)
        self._make_room(parent, name, path, for_folder=True)

    def finish(self) -> None:
        """The times of folders, once nothing is put into them any more."""
        for path, mtime_ns in sorted(self._times.items(), reverse=True):
            os.utime(self._open(path), ns=(mtime_ns, mtime_ns))

    def _finish_name(self, parent: int, name: str, metadata: Metadata) -> None:
        os.chown(name, metadata.uid, metadata.gid, dir_fd=parent, follow_symlinks=False)
        os.utime(name, ns=(metadata.mtime_ns, metadata.mtime_ns), dir_fd=parent, follow_symlinks=False)

    def _parent(self, path: str) -> tuple[int, str]:
        """The descriptor of the folder that ``path`` is in, made where it is missing, and the last name."""
        above, _, name = path.rstrip("/").rpartition("/")
        if name in ("", ".", ".."):
            raise Invalid(f"{path!r} is no name for a file")
        try:
            return self._open(above or "/"), name
        except (FileNotFoundError, NotADirectoryError):
            self._make_folder(above, None)
            return self._open(above), name

    def _open(self, path: str) -> int:
        fd = self._folders.get(path)
        if fd is None:
            fd = self._resolve(path, _FOLDER)
            if len(self._folders) >= _MAX_OPEN:
                os.close(self._folders.pop(next(iter(self._folders))))
            self._folders[path] = fd
        return fd

    def _resolve(self, path: str, flags: int) -> int:
        if not self._plain or not path.startswith(self._plain):
            return openat2(self._root, path or "/", flags, resolve=_IN_ROOT)
        top = openat2(self._root, self._plain, _FOLDER, resolve=_IN_ROOT)
        try:
            below = path[len(self._plain) :] or "."
            return openat2(top, below, flags, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
        finally:
            os.close(top)

    def _make_room(self, parent: int, name: str, path: str, *, for_folder: bool = False) -> None:
        """Take away what a new file replaces. A folder is not replaced by a file."""
        self.replaced = True
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            if not for_folder and not self.replaces_folders:
                raise Conflict(f"cannot overwrite the folder {path} with a file")
            remove_tree(f"/proc/self/fd/{parent}/{name}")
            for known in [known for known in self._folders if known == path or known.startswith(f"{path}/")]:
                os.close(self._folders.pop(known))
            return
        os.unlink(name, dir_fd=parent)


def put(
    placer: Placer,
    tree: Tree,
    item: Item,
    target: str,
    how: Metadata,
    *,
    check: Callable[[int, Item], None] | None = None,
) -> None:
    """Make at ``target`` what an item of a tree is: folder, file, link or node. ``check`` is shown a file that was
    copied, still open, and may raise."""
    mode = item.status.st_mode
    if stat.S_ISREG(mode):
        fd = tree.open(item)
        try:
            placer.file(target, fd, how)
            if check is not None:
                check(fd, item)
        finally:
            os.close(fd)
    elif stat.S_ISDIR(mode):
        placer.folder(target, how)
    elif stat.S_ISLNK(mode):
        placer.link(target, item.link, how)
    else:
        placer.node(target, stat.S_IFMT(mode), item.status.st_rdev, how)


def _set_xattrs(fd: int, xattrs: Mapping[str, bytes]) -> None:
    for name, value in xattrs.items():
        try:
            os.setxattr(fd, name, value)
        except OSError as error:
            # A file system without them, or a user who may not: the file is worth more than its attribute.
            if error.errno not in (errno.EOPNOTSUPP, errno.EPERM):
                raise


def translated(error: OSError) -> Unavailable | OutOfSpace:
    """An error of the file system in our words."""
    kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"cannot write {error.filename or 'a file'}: {error.strerror}")
