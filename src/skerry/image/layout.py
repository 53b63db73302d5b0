"""Where an image is written to: a tar file or a folder, one member after the other."""

from __future__ import annotations

import io
import os
import shutil
import tarfile

from skerry.errors import Invalid, OutOfSpace, SkerryError, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, Protocol

    class Target(Protocol):
        """Takes members in order; a name that was written is not written again."""

        def add(self, name: str, stream: BinaryIO, size: int) -> None: ...
        def link(self, name: str, target: str) -> None: ...
        def close(self) -> None: ...


_CHUNK = 1 << 20


def add_bytes(target: Target, name: str, data: bytes) -> None:
    """A small member."""
    target.add(name, io.BytesIO(data), len(data))


class TarTarget:
    """A tar: read-only files of root, made in 1970, so that the same image gives the same bytes."""

    def __init__(self, stream: BinaryIO, advance: Callable[[int], object] | None = None) -> None:
        """``advance`` is told of each so many bytes that were written."""
        self._stream = stream
        self._advance = advance
        self._written: set[str] = set()
        self._size = 0

    def add(self, name: str, stream: BinaryIO, size: int) -> None:
        """Copy exactly ``size`` bytes."""
        if name in self._written:
            return
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o444
        self._header(member)
        left = size
        while left:
            chunk = stream.read(min(_CHUNK, left))
            if not chunk:
                raise Unavailable(f"{name} ends early")
            self._write(chunk)
            left -= len(chunk)
        stream.read(1)  # a layer's reader checks the digest when it is at the end
        self._write(b"\0" * (-size % 512))

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        if name in self._written:
            return
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, target, 0o777
        self._header(member)

    def close(self) -> None:
        """End the tar; the stream stays open."""
        self._write(b"\0" * 1024)
        self._stream.flush()

    def _header(self, member: tarfile.TarInfo) -> None:
        self._written.add(member.name)
        self._write(member.tobuf(tarfile.GNU_FORMAT))

    def _write(self, data: bytes) -> None:
        try:
            self._stream.write(data)
        except OSError as error:
            raise write_error(error) from None
        if self._advance is not None:
            self._advance(len(data))


class FolderTarget:
    """Files below a folder, which is made."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._written: set[str] = set()
        try:
            os.makedirs(path, exist_ok=True)
            if os.listdir(path):
                raise Invalid(f"{path} is not empty")
        except OSError as error:
            raise write_error(error) from None

    def add(self, name: str, stream: BinaryIO, size: int) -> None:  # noqa: ARG002 - tars need the size
        """Copy the stream."""
        if name in self._written:
            return
        self._written.add(name)
        path = os.path.join(self._path, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                shutil.copyfileobj(stream, file, _CHUNK)
        except OSError as error:
            raise write_error(error) from None

    def link(self, name: str, target: str) -> None:
        """Folders need no second names."""

    def close(self) -> None:
        """Nothing is held."""


def write_error(error: OSError) -> SkerryError:
    """An error while writing."""
    if isinstance(error, BrokenPipeError):
        raise error  # who read it has seen enough
    kind = OutOfSpace if error.errno in (28, 122) else Unavailable
    return kind(f"cannot write the image: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
