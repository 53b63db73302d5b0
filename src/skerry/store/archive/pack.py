"""Writing a tree as a tar, the same bytes for the same tree wherever and whenever it is written.

Names in byte order, depth first; numeric owners, whole seconds, no names of users; ustar headers, pax only for what
does not fit one. Overlayfs's whiteouts and opaque folders become the image specification's ``.wh.`` entries.
"""

from __future__ import annotations

import errno
import os
import stat

from skerry.errors import Corrupt, Invalid
from skerry.linux.beneath import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from skerry.store.archive.names import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

_MAX_OCTAL_7, _MAX_OCTAL_11 = 0o7777777, 0o77777777777
_NOT_OURS = ("trusted.overlay.", "user.overlay.", "security.selinux", "security.ima", "security.evm")
_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_GONE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENODATA, errno.ESTALE)
_TRIES = 20
_PIECE = 1 << 20
END = bytes(1024)


class Packer:
    """Walks ``root``. ``header`` is given headers and padding, ``data`` (fd, path, size) each file's data.

    ``latest_s`` clamps times (SOURCE_DATE_EPOCH). ``skip`` (path, status) leaves entries out. ``live``: programs may
    change the tree meanwhile, so what is gone when its turn comes is left out. ``layer``: the tar is to be one, where
    names that begin with ``.wh.`` mean something else (`Invalid`); otherwise they are names."""

    def __init__(
        self,
        root: str,
        header: Callable[[bytes], None],
        data: Callable[[int, bytes, int], None],
        *,
        latest_s: int | None = None,
        skip: Callable[[bytes, os.stat_result], bool] | None = None,
        live: bool = False,
        layer: bool = True,
    ) -> None:
        self._root = root
        self._header = header
        self._data = data
        self._latest_s = latest_s
        self._skip = skip
        self._live = live
        self._layer = layer
        self._links: dict[tuple[int, int], bytes] = {}

    def run(self) -> None:
        """Pack everything but the root folder itself, and the end of the archive."""
        self._root_fd = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if self._layer and _is_opaque(self._root_fd):
                self._header(ustar(b".wh..wh..opq", _Marker))
            stack = [self._entries(b"")]
            while stack:
                path = next(stack[-1], None)
                if path is None:
                    stack.pop()
                else:
                    stack.append(self._entries(path))
            self._header(END)
        finally:
            os.close(self._root_fd)

    def _entries(self, path: bytes) -> Iterator[bytes]:
        """Write what is in the folder ``path``; yields the folders in it, to be walked before the next entry."""
        try:
            fd = self._open(path or b".", os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            if self._live and error.errno in _GONE:
                return
            raise
        try:
            names = sorted(os.fsencode(name) for name in os.listdir(fd))
        finally:
            os.close(fd)
        for name in names:
            inner = path + b"/" + name if path else name
            if self._layer and name.startswith(b".wh."):
                raise Invalid(f"{quoted(inner)}: a name that begins with .wh. cannot be in a layer")
            if self._live_write(inner) if self._live else self._write(inner):
                yield inner

    def _live_write(self, path: bytes) -> bool:
        """`_write` where others change the tree meanwhile: what became another thing is looked at again, what is gone is
        left out. Errors come before an entry's first byte."""
        for _ in range(_TRIES):
            try:
                return self._write(path)
            except OSError as error:
                if error.errno == errno.ENOENT:
                    return False
                if error.errno not in _GONE:
                    raise
        return False

    def _open(self, path: bytes, flags: int) -> int:
        return openat2(self._root_fd, os.fsdecode(path), flags, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)

    def _write(self, path: bytes) -> bool:
        """One entry; whether it is a folder."""
        status = os.stat(path, dir_fd=self._root_fd, follow_symlinks=False)
        kind = stat.S_IFMT(status.st_mode)
        if self._skip is not None and self._skip(path, status):
            return False
        if self._layer and kind == stat.S_IFCHR and status.st_rdev == 0:
            folder, _, name = path.rpartition(b"/")
            self._header(ustar((folder + b"/" if folder else b"") + b".wh." + name, _Marker))
            return False
        if kind == stat.S_IFSOCK:
            return False
        if kind != stat.S_IFDIR and status.st_nlink > 1:
            first = self._links.setdefault((status.st_dev, status.st_ino), path)
            if first != path:
                self._header(ustar(path, status, kind=b"1", link=first, latest_s=self._latest_s))
                return False
        if kind == stat.S_IFREG:
            self._file(path)
        elif kind == stat.S_IFDIR:
            self._folder(path)
            return True
        else:
            self._special(path, kind)
        return False

    def _special(self, path: bytes, kind: int) -> None:
        """A link, device or fifo: by descriptor, as the way to it may lead elsewhere meanwhile."""
        fd = self._open(path, os.O_PATH | os.O_NOFOLLOW)
        try:
            status = os.fstat(fd)
            if stat.S_IFMT(status.st_mode) != kind:
                raise OSError(errno.ESTALE, "it became another kind of file", path)
            link = os.readlink(b"", dir_fd=fd) if kind == stat.S_IFLNK else b""
            flag = {stat.S_IFLNK: b"2", stat.S_IFCHR: b"3", stat.S_IFBLK: b"4", stat.S_IFIFO: b"6"}[kind]
            xattrs = _xattrs(b"/proc/self/fd/%d" % fd)
            self._header(ustar(path, status, kind=flag, link=link, xattrs=xattrs, latest_s=self._latest_s))
        finally:
            os.close(fd)

    def _file(self, path: bytes) -> None:
        fd = self._open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.ESTALE, "it is no file any more", path)
            size = status.st_size
            self._header(ustar(path, status, kind=b"0", size=size, xattrs=_xattrs(fd), latest_s=self._latest_s))
            if size:
                self._data(fd, path, size)
                self._header(bytes(-size & 511))
        finally:
            os.close(fd)

    def _folder(self, path: bytes) -> None:
        fd = self._open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            status = os.fstat(fd)
            self._header(ustar(path + b"/", status, kind=b"5", xattrs=_xattrs(fd), latest_s=self._latest_s))
            if self._layer and _is_opaque(fd):
                self._header(ustar(path + b"/.wh..wh..opq", _Marker))
        finally:
            os.close(fd)


class _Marker:
    """The status of a whiteout: nothing of it matters, so it is always the same."""

    st_mode = st_uid = st_gid = st_rdev = 0
    st_mtime_ns = 0


def _is_opaque(fd: int) -> bool:
    for name in _OPAQUE:
        try:
            if os.getxattr(fd, name) == b"y":
                return True
        except OSError:
            continue  # not set, or not this user's to see
    return False


def _xattrs(path: int | bytes) -> dict[bytes, bytes]:
    result = {}
    try:
        names = os.listxattr(path)
    except OSError:
        return {}  # a file system without them
    for name in sorted(names):
        if not name.startswith(_NOT_OURS):
            result[b"SCHILY.xattr." + os.fsencode(name)] = os.getxattr(path, name)
    return result


def ustar(
    name: bytes,
    status: os.stat_result | type[_Marker],
    *,
    kind: bytes = b"0",
    size: int = 0,
    link: bytes = b"",
    xattrs: dict[bytes, bytes] | None = None,
    latest_s: int | None = None,
) -> bytes:
    """A header, with a pax header before it if something needs one."""
    extra: dict[bytes, bytes] = dict(xattrs or {})
    mtime = status.st_mtime_ns // 1_000_000_000
    if latest_s is not None:
        mtime = min(mtime, latest_s)
    prefix, short = _split(name)
    if len(short) > 100:
        extra[b"path"], short = name, name[:100]
    if len(link) > 100:
        extra[b"linkpath"], link = link, link[:100]
    numbers = []
    for key, value, most in (
        (b"uid", status.st_uid, _MAX_OCTAL_7),
        (b"gid", status.st_gid, _MAX_OCTAL_7),
        (b"size", size, _MAX_OCTAL_11),
        (b"mtime", mtime, _MAX_OCTAL_11),
    ):
        if not 0 <= value <= most:
            extra[key], value = b"%d" % value, 0
        numbers.append(value)
    major, minor = (os.major(status.st_rdev), os.minor(status.st_rdev)) if kind in (b"3", b"4") else (0, 0)
    header = _block(short, prefix, stat.S_IMODE(status.st_mode), numbers, kind, link, major, minor)
    return (_pax(extra) if extra else b"") + header


def _split(name: bytes) -> tuple[bytes, bytes]:
    """(prefix, name) as ustar has it; the whole name where it cannot be split."""
    if len(name) <= 100:
        return b"", name
    at = name.find(b"/", max(len(name) - 101, 1), 156)
    if at < 0 or at == len(name) - 1:
        return b"", name
    return name[:at], name[at + 1 :]


def _pax(extra: dict[bytes, bytes]) -> bytes:
    records = b"".join(_pax_record(key, extra[key]) for key in sorted(extra))
    header = _block(b"PaxHeaders.0/entry", b"", 0o644, [0, 0, len(records), 0], b"x", b"", 0, 0)
    return header + records + bytes(-len(records) & 511)


def _pax_record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    digits = len(str(size))
    if len(str(size + digits)) > digits:
        digits += 1
    return b"%d %s=%s\n" % (size + digits, key, value)


def _block(
    name: bytes, prefix: bytes, mode: int, numbers: list[int], kind: bytes, link: bytes,
    major: int, minor: int,
) -> bytes:  # fmt: skip
    uid, gid, size, mtime = numbers
    block = bytearray(
        b"%s%07o\0%07o\0%07o\0%011o\0%011o\0        %s%s" b"ustar\x0000%s%07o\0%07o\0%s"
        % (
            name.ljust(100, b"\0"), mode, uid, gid, size, mtime, kind, link.ljust(100, b"\0"), bytes(64), major, minor,
            prefix.ljust(167, b"\0"),
        )
    )  # fmt: skip
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def write_layer_tar(tree: str, out: BinaryIO, *, latest_s: int | None = None) -> None:
    """Write the overlay upper folder ``tree`` as a layer's tar."""

    def header(piece: bytes) -> None:
        out.write(piece)

    def data(fd: int, path: bytes, size: int) -> None:
        for piece in file_pieces(fd, path, size):
            out.write(piece)

    Packer(tree, header, data, latest_s=latest_s).run()


def file_pieces(fd: int, path: bytes, size: int) -> Iterator[bytes]:
    """``size`` bytes of an open file."""
    while size:
        piece = os.read(fd, min(size, _PIECE))
        if not piece:
            raise Corrupt(f"{quoted(path)} became shorter while it was read")
        size -= len(piece)
        yield piece
