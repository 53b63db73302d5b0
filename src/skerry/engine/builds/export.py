"""What layers show, outside of the store: as a folder, or as a tar."""

from __future__ import annotations

import os
import stat

from skerry.engine.builds.root import WorkingRoot, translated
from skerry.errors import Invalid
from skerry.store.layer_snapshot import write_tree
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine

_BILLION = 1_000_000_000
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def export_tar(engine: Engine, layers: Sequence[str], fd: int, *, clamp_ns: int | None = None) -> None:
    """See `Builds.export_tar`."""
    with WorkingRoot(engine, layers, writable=False) as root:
        try:
            write_tree(root.path, fd, latest_s=None if clamp_ns is None else clamp_ns // _BILLION)
        except OSError as error:
            raise translated(error, "cannot write the tar") from error


def tar_folder(folder: str, fd: int, *, clamp_ns: int | None = None) -> None:
    """See `Builds.tar_folder`."""
    try:
        write_tree(folder, fd, latest_s=None if clamp_ns is None else clamp_ns // _BILLION)
    except OSError as error:
        raise translated(error, "cannot write the tar") from error


def export_tree(engine: Engine, layers: Sequence[str], folder: str, *, clamp_ns: int | None = None) -> None:
    """See `Builds.export_tree`."""
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise Invalid(f"{folder} is not a folder")
    with WorkingRoot(engine, layers, writable=False) as root:
        try:
            os.makedirs(folder, exist_ok=True)
            _Copy(clamp_ns, owners=not engine.settings.rootless).run(root.path, folder)
        except OSError as error:
            raise translated(error, f"cannot write to {folder}") from error


class _Copy:
    """Copies a tree that does not change into a folder of the user's: what is in the way is replaced, folders merge."""

    def __init__(self, clamp_ns: int | None, *, owners: bool) -> None:
        self._clamp_ns = clamp_ns
        self._owners = owners
        self._links: dict[tuple[int, int], str] = {}
        self._target = -1

    def run(self, source: str, target: str) -> None:
        self._target = os.open(target, _FOLDER)
        try:
            fd = os.open(source, _FOLDER)
            self._contents(fd, "")
        finally:
            os.close(self._target)

    def _contents(self, source: int, path: str) -> None:
        """What is in the folder ``source`` (which is closed) to ``path``."""
        try:
            for name in sorted(os.listdir(source)):
                self._one(source, name, f"{path}/{name}" if path else name)
        finally:
            os.close(source)

    def _one(self, source: int, name: str, path: str) -> None:
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        self._make_way(path, folder=kind == stat.S_IFDIR)
        if kind == stat.S_IFDIR:
            self._contents(os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=source), path)
        elif status.st_nlink > 1 and (first := self._links.get((status.st_dev, status.st_ino))):
            os.link(first, path, src_dir_fd=self._target, dst_dir_fd=self._target, follow_symlinks=False)
            return
        elif kind == stat.S_IFREG:
            self._file(source, name, path)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(name, dir_fd=source), path, dir_fd=self._target)
        elif kind == stat.S_IFSOCK or (kind != stat.S_IFIFO and not self._owners):
            return  # sockets mean nothing elsewhere; a user cannot make devices
        else:
            os.mknod(path, status.st_mode, status.st_rdev, dir_fd=self._target)
        self._links[status.st_dev, status.st_ino] = path
        self._dress(status, path, kind)

    def _make_way(self, path: str, *, folder: bool) -> None:
        try:
            status = os.stat(path, dir_fd=self._target, follow_symlinks=False)
        except FileNotFoundError:
            pass
        else:
            if stat.S_ISDIR(status.st_mode):
                if folder:
                    return
                remove_tree(f"/proc/self/fd/{self._target}/{path}")
            else:
                os.unlink(path, dir_fd=self._target)
        if folder:
            os.mkdir(path, 0o700, dir_fd=self._target)

    def _file(self, source: int, name: str, path: str) -> None:
        inside = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
        try:
            out = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=self._target)
            try:
                while os.sendfile(out, inside, None, 1 << 26):
                    pass
                self._attributes(inside, out)
            finally:
                os.close(out)
        finally:
            os.close(inside)

    def _attributes(self, inside: int, out: int) -> None:
        for attribute in os.listxattr(inside):
            if not attribute.startswith(("trusted.overlay.", "user.overlay.", "security.selinux")):
                try:
                    os.setxattr(out, attribute, os.getxattr(inside, attribute))
                except OSError:
                    continue  # a file system without them, or not a user's to set

    def _dress(self, status: os.stat_result, path: str, kind: int) -> None:
        """Owner, mode and times. The kernel takes a file's capabilities away with a change of its owner."""
        if self._owners and (status.st_uid or status.st_gid):
            capability = _capability(path, self._target) if kind == stat.S_IFREG else b""
            os.chown(path, status.st_uid, status.st_gid, dir_fd=self._target, follow_symlinks=False)
            if capability:
                os.setxattr(f"/proc/self/fd/{self._target}/{path}", "security.capability", capability)
        if kind != stat.S_IFLNK:
            os.chmod(path, stat.S_IMODE(status.st_mode), dir_fd=self._target)
        mtime = status.st_mtime_ns if self._clamp_ns is None else min(status.st_mtime_ns, self._clamp_ns)
        os.utime(path, ns=(mtime, mtime), dir_fd=self._target, follow_symlinks=False)


def _capability(path: str, folder: int) -> bytes:
    try:
        return os.getxattr(f"/proc/self/fd/{folder}/{path}", "security.capability")
    except OSError:
        return b""
