"""Archives and folders that hold images: named members, opened by name without being unpacked.

An archive is hostile. Members' names are only keys of a dictionary; nothing here creates a file. A member's size
is checked against the archive's; headers' extensions, and the number of members, are bounded.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat

from skerry.errors import Corrupt, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Protocol

    from _typeshed import WriteableBuffer

    class Members(Protocol):
        """What is in an archive or a folder."""

        def has(self, name: str) -> bool: ...
        def open(self, name: str) -> BinaryIO: ...
        def close(self) -> None: ...


_BLOCK = 512
_MAX_MEMBERS = 100_000
_MAX_EXTENSION = 1 << 20
_LONG_NAME, _LONG_LINK, _PAX, _PAX_GLOBAL = b"L", b"K", b"x", b"g"
MAX_JSON = 8 << 20  # manifests and configs; those of real images are some kilobytes


def read_member(members: Members, name: str, limit: int = MAX_JSON) -> bytes:
    """A small member whole. `Corrupt` when it is larger than ``limit``."""
    with members.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Corrupt(f"{name} in the archive has more than {limit} bytes")
    return data


class Section(io.RawIOBase):
    """Part of an open file, with a position of its own."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd = fd
        self._position = offset
        self._end = offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")[: self._end - self._position]
        if not target:
            return 0
        count = os.preadv(self._fd, [target], self._position)
        if not count:
            raise Corrupt("the archive ends early")
        self._position += count
        return count


class TarMembers:
    """A plain tar on a seekable file, read in place."""

    def __init__(self, fd: int) -> None:
        """Takes over ``fd``."""
        self._fd = fd
        self._size = os.fstat(fd).st_size
        self._files: dict[str, tuple[int, int]] = {}
        self._links: dict[str, str] = {}
        try:
            self._index()
        except BaseException:
            os.close(fd)
            raise

    def has(self, name: str) -> bool:
        """Whether there is such a file, or a link to one."""
        return self._find(name) is not None

    def open(self, name: str) -> BinaryIO:
        """A member's bytes. `Corrupt` when it is not there."""
        found = self._find(name)
        if found is None:
            raise Corrupt(f"{name!r} is not in the archive")
        return io.BufferedReader(Section(self._fd, *found), 1 << 20)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _find(self, name: str) -> tuple[int, int] | None:
        name = posixpath.normpath(name)
        for _hop in range(8):
            if name in self._files:
                return self._files[name]
            if name not in self._links:
                return None
            name = self._links[name]
        return None

    def _index(self) -> None:
        offset, long_name, long_link, pax = 0, "", "", dict[str, str]()
        for _member in range(_MAX_MEMBERS):
            header = os.pread(self._fd, _BLOCK, offset)
            if len(header) < _BLOCK or not header.strip(b"\0"):
                if offset and len(header) in (0, _BLOCK):
                    return
                raise Corrupt("the archive is empty or ends early")
            kind, size = header[156:157], _checked_size(header)
            if kind not in (_PAX, _PAX_GLOBAL, _LONG_NAME, _LONG_LINK) and pax.get("size", "").isdecimal():
                size = int(pax["size"])
            start = offset + _BLOCK
            if start + size > self._size:
                raise Corrupt("the archive ends early: a member is longer than what is left")
            offset = start + (size + _BLOCK - 1) // _BLOCK * _BLOCK
            if kind in (_PAX, _LONG_NAME, _LONG_LINK):
                data = self._extension(start, size)
                if kind == _PAX:
                    pax = _pax(data)
                elif kind == _LONG_NAME:
                    long_name = _text(data)
                else:
                    long_link = _text(data)
                continue
            if kind == _PAX_GLOBAL:
                continue
            name = pax.get("path") or long_name or _name(header)
            link = pax.get("linkpath") or long_link or _text(header[157:257])
            self._note(kind, posixpath.normpath(name.lstrip("/")), link, (start, size))
            long_name, long_link, pax = "", "", {}
        raise Corrupt(f"the archive has more than {_MAX_MEMBERS} members")

    def _note(self, kind: bytes, name: str, link: str, place: tuple[int, int]) -> None:
        self._files.pop(name, None)
        self._links.pop(name, None)
        if kind in (b"0", b"\0", b"7"):
            self._files[name] = place
        elif kind == b"2":
            self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), link))
        elif kind == b"1":
            self._links[name] = posixpath.normpath(link)

    def _extension(self, start: int, size: int) -> bytes:
        if size > _MAX_EXTENSION:
            raise Corrupt(f"the archive has an extended header of {size} bytes")
        return os.pread(self._fd, size, start)


def _checked_size(header: bytes) -> int:
    checksum = sum(header) - sum(header[148:156]) + 8 * 32
    if _number(header[148:156]) != checksum:
        raise Corrupt("not a tar archive, or a damaged one")
    size = _number(header[124:136])
    if size < 0:
        raise Corrupt("the archive has a member of negative size")
    return size


def _number(field: bytes) -> int:
    if field[0] & 0x80:  # base-256, for what octal digits cannot hold
        return int.from_bytes(field[1:], "big") if field[0] == 0x80 else -1
    digits = field.strip(b"\0 ")
    if digits.strip(b"01234567"):
        raise Corrupt("not a tar archive, or a damaged one")
    return int(digits or b"0", 8)


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _name(header: bytes) -> str:
    name, prefix = _text(header[:100]), _text(header[345:500])
    return f"{prefix}/{name}" if prefix and header[257:263] == b"ustar\0" else name


def _pax(data: bytes) -> dict[str, str]:
    found, position = {}, 0
    while position < len(data):
        digits, space, _rest = data[position : position + 20].partition(b" ")
        if not space or not digits.isdigit() or int(digits) <= len(digits) + 1:
            raise Corrupt("the archive has a malformed extended header")
        record = data[position + len(digits) + 1 : position + int(digits) - 1]
        key, _, value = record.partition(b"=")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        position += int(digits)
    return found


class FolderMembers:
    """An unpacked archive: regular files below a folder."""

    def __init__(self, path: str) -> None:
        self._path = path

    def has(self, name: str) -> bool:
        """Whether there is such a regular file."""
        return os.path.isfile(self._inside(name))

    def open(self, name: str) -> BinaryIO:
        """A file's bytes. `Corrupt` when it is not there, or not a file."""
        path = self._inside(name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise Corrupt(f"{name!r} is not in the folder: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Corrupt(f"{name!r} in the folder is no file")
        return os.fdopen(fd, "rb")

    def close(self) -> None:
        """Nothing is held."""

    def _inside(self, name: str) -> str:
        top = os.path.realpath(self._path)
        path = os.path.realpath(os.path.join(top, name.lstrip("/")))
        if path != top and not path.startswith(top.rstrip("/") + "/"):
            raise Invalid(f"{name!r} leads out of the folder")
        return path
