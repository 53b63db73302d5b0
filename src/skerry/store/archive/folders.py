"""Descriptors of the folders that entries go into, resolved beneath the layer's root and kept for a while.

The kernel resolves each parent once with openat2(2), as if the layer were the root of the file system: no ``..``,
link or magic link in an archive can lead outside. Everything else is relative to such a descriptor and follows no
link in its last part.
"""

from __future__ import annotations

import errno
import os

from skerry.errors import Corrupt
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, openat2
from skerry.store.archive.names import quoted

_MOST = 64
_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_RESOLVE = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV
_DEEPEST = 4000  # bytes of a real path; beyond, no program in the container could name it


class Folder:
    """An open folder; ``path`` is its real one, relative to the root."""

    __slots__ = ("fd", "path")

    def __init__(self, fd: int, path: bytes) -> None:
        self.fd = fd
        self.path = path

    def join(self, name: bytes) -> bytes:
        """The real path of an entry in it."""
        return self.path + b"/" + name if self.path else name


class Folders:
    """The folders below ``root``, at most 64 of them open."""

    def __init__(self, root: str) -> None:
        self.root_fd = os.open(root, _FLAGS)
        self._prefix = len(self._real(self.root_fd)) + 1
        self._known: dict[bytes, Folder] = {}

    def close(self) -> None:
        """Close all."""
        self.forget()
        os.close(self.root_fd)

    def forget(self, but: Folder | None = None) -> None:
        """Close all (``but`` one): a folder or link was replaced, so any of them may mean another one now."""
        for folder in self._known.values():
            if folder is not but:
                os.close(folder.fd)
        self._known.clear()
        if but is not None:
            self._known[but.path] = but

    def get(self, path: bytes) -> Folder:
        """The folder ``path``, which must exist (`FileNotFoundError`, `NotADirectoryError`). It stays open for
        the next few dozen calls."""
        folder = self._known.pop(path, None)
        if folder is None:
            folder = self._open(path)
            if len(self._known) >= _MOST:
                oldest = next(iter(self._known))
                os.close(self._known.pop(oldest).fd)
        self._known[path] = folder
        return folder

    def get_or_make(self, path: bytes) -> Folder:
        """The folder ``path``; those of it that are missing are made, as root's and with mode 0755."""
        try:
            return self.get(path)
        except FileNotFoundError:
            pass
        except NotADirectoryError:
            pass  # perhaps a whiteout that becomes an opaque folder: `Extractor` decides
        done = b""
        for part in path.split(b"/"):
            if part.startswith(b".wh."):
                raise Corrupt(f"layer entry {quoted(path)}: a whiteout is no folder")
            parent = self.get(done)
            done = done + b"/" + part if done else part
            try:
                self.get(done)
            except FileNotFoundError:
                self._make(parent, part, path)
        return self.get(path)

    def _make(self, parent: Folder, name: bytes, path: bytes) -> None:
        try:
            os.mkdir(name, 0o755, dir_fd=parent.fd)
        except FileExistsError:
            raise Corrupt(f"layer entry {quoted(path)} is below a link that leads nowhere") from None

    def _open(self, path: bytes) -> Folder:
        fd = openat2(self.root_fd, os.fsdecode(path or b"."), _FLAGS, resolve=_RESOLVE)
        try:
            real = self._real(fd)[self._prefix :]
            if len(real) > _DEEPEST:
                raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
            return Folder(fd, real)
        except BaseException:
            os.close(fd)
            raise

    @staticmethod
    def _real(fd: int) -> bytes:
        return os.readlink(b"/proc/self/fd/%d" % fd)
