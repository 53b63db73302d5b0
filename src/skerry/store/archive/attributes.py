"""Owners, modes, times and extended attributes of what was unpacked, set only where they differ."""

from __future__ import annotations

import errno
import os
import stat
import struct

from skerry.errors import Corrupt
from skerry.linux.beneath import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from skerry.store.archive import header
from skerry.store.archive.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.archive.folders import Folder, Folders
    from skerry.store.archive.header import Entry

_SET_ID = stat.S_ISUID | stat.S_ISGID
_LATER = struct.Struct("<qHH")
# What overlayfs believes of a layer; an archive has no say in it.
_FORGED = (b"trusted.overlay.", b"user.overlay.")
_UNWANTED = (errno.EOPNOTSUPP, errno.EPERM, errno.EACCES)


class Attributes:
    """Sets them, and remembers folders until the end: what is put into one changes its times."""

    def __init__(self, folders: Folders, *, rootless: bool) -> None:
        self._folders = folders
        self._later = bytearray()
        self._opaque = b"user.overlay.opaque" if rootless else b"trusted.overlay.opaque"

    def file(self, entry: Entry, fd: int) -> None:
        """Of a regular file that is open and was created with the entry's mode."""
        status = os.fstat(fd) if entry.uid or entry.gid or entry.mode & _SET_ID else None
        if status and (status.st_uid != entry.uid or status.st_gid != entry.gid):
            os.fchown(fd, entry.uid, entry.gid)
        if status and entry.mode & _SET_ID:  # writing and chown(2) take them away
            os.fchmod(fd, entry.mode)
        if entry.xattrs:
            set_xattrs(fd, entry)
        os.utime(fd, ns=(entry.mtime_ns, entry.mtime_ns))

    def folder(self, entry: Entry, folder: Folder) -> None:
        """Of a folder, new or not; its time and set-id bits wait for `finish_folders`."""
        status = os.fstat(folder.fd)
        if status.st_uid != entry.uid or status.st_gid != entry.gid:
            os.fchown(folder.fd, entry.uid, entry.gid)
        # A set-group-id folder would hand its group to what is put into it.
        mode = entry.mode & ~_SET_ID
        if stat.S_IMODE(status.st_mode) != mode:
            os.fchmod(folder.fd, mode)
        if entry.xattrs:
            set_xattrs(folder.fd, entry)
        self._later += _LATER.pack(_clamped(entry.mtime_ns), entry.mode, len(folder.path)) + folder.path

    def other(self, entry: Entry, parent: Folder, base: bytes) -> None:
        """Of a link, device or fifo that was just made."""
        if entry.uid or entry.gid:
            os.chown(base, entry.uid, entry.gid, dir_fd=parent.fd, follow_symlinks=False)
        if entry.kind != header.SYMLINK and entry.mode & _SET_ID:
            os.chmod(base, entry.mode, dir_fd=parent.fd)  # just made here, nobody else can have swapped it
        if entry.xattrs:
            set_xattrs(b"/proc/self/fd/%d/%s" % (parent.fd, base), entry)
        os.utime(base, ns=(entry.mtime_ns, entry.mtime_ns), dir_fd=parent.fd, follow_symlinks=False)

    def make_opaque(self, parent: Folder, base: bytes) -> None:
        """Let the folder hide the same folder of the layers below."""
        os.setxattr(b"/proc/self/fd/%d/%s" % (parent.fd, base), self._opaque, b"y", follow_symlinks=False)

    def finish_folders(self) -> None:
        """Times and set-id bits of all folders, in the archive's order: the last word counts."""
        position, later = 0, self._later
        while position < len(later):
            mtime, mode, length = _LATER.unpack_from(later, position)
            position += _LATER.size
            path = bytes(later[position : position + length]) or b"."
            position += length
            try:
                fd = openat2(
                    self._folders.root_fd, os.fsdecode(path), os.O_RDONLY | os.O_DIRECTORY,
                    resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
                )  # fmt: skip
            except (FileNotFoundError, NotADirectoryError):
                continue  # a later entry replaced it
            except OSError as error:
                if error.errno == errno.ELOOP:
                    continue
                raise
            try:
                if mode & _SET_ID:
                    os.fchmod(fd, mode)
                os.utime(fd, ns=(mtime, mtime))
            finally:
                os.close(fd)


def set_xattrs(path: int | bytes, entry: Entry) -> None:
    """Extended attributes, ``security.capability`` with them. What this file system or user may not set is left out."""
    for name, value in (entry.xattrs or {}).items():
        if name.startswith(_FORGED):
            continue
        try:
            if isinstance(path, int):
                os.setxattr(path, name, value)
            else:
                os.setxattr(path, name, value, follow_symlinks=False)
        except OSError as error:
            if error.errno in _UNWANTED:
                continue
            if error.errno in (errno.ENOSPC, errno.E2BIG, errno.ERANGE, errno.EINVAL):
                raise Corrupt(
                    f"layer entry {quoted(entry.name)}: its extended attribute {quoted(name)} cannot be kept: "
                    f"{os.strerror(error.errno or 0)}"
                ) from error
            raise


def _clamped(value: int) -> int:
    return max(-(1 << 63), min(value, (1 << 63) - 1))
