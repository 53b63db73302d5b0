"""Where an image is written to: a tar file or a folder, one member after the other."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.errors import Corrupt, Invalid, OutOfSpace, SkerryError, Unavailable
from skerry.image.beside import Beside
from skerry.image.reference import HEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, BinaryIO, Protocol

    class Target(Protocol):
        """Takes members in order; a name that was written is not written again."""

        def add(self, name: str, stream: BinaryIO, size: int) -> None: ...
        def link(self, name: str, target: str) -> None: ...
        def close(self) -> None: ...


_CHUNK = 1 << 20
_MAX_JSON = 8 << 20


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
    """Files below a folder, which is made. ``image``: the folder holds images already, or will; what is no such
    folder, and not empty, is left alone (`Invalid`)."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.written: set[str] = set()
        try:
            os.makedirs(path, exist_ok=True)
            self._old = os.listdir(path)
        except OSError as error:
            raise write_error(error) from None
        if self._old and not self._has_images():
            raise Invalid(f"{path}: not a containers image directory, don't want to overwrite important data")

    def _has_images(self) -> bool:
        return "oci-layout" in self._old or ("version" in self._old and self._first_line().startswith(_DIR_VERSION))

    def _first_line(self) -> bytes:
        try:
            with open(os.path.join(self.path, "version"), "rb") as file:
                return file.read(64)
        except OSError:
            return b""

    def add(self, name: str, stream: BinaryIO, size: int) -> None:
        """Copy the stream; each file appears whole."""
        if name in self.written:
            return
        self.written.add(name)
        path = os.path.join(self.path, name)
        if _holds(path, os.path.basename(name), size):
            return
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with Beside(path) as file:
                shutil.copyfileobj(stream, file, _CHUNK)
                if file.tell() != size:
                    raise Unavailable(f"{name} has {file.tell()} bytes, not {size}")
        except OSError as error:
            raise write_error(error) from None

    def link(self, name: str, target: str) -> None:
        """Folders need no second names."""

    def close(self) -> None:
        """Nothing is held."""

    def json(self, name: str) -> Any:
        """A document that is in the folder already; None when there is none. `Corrupt`."""
        try:
            with open(os.path.join(self.path, name), "rb") as file:
                return fastjson.loads(file.read(_MAX_JSON))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise write_error(error) from None
        except SkerryError as error:
            raise Corrupt(f"{os.path.join(self.path, name)} is {error.message}") from None

    def remove_others(self) -> None:
        """Remove what an image that was here before has left: files with names of blobs and signatures."""
        for name in self._old:
            blob = len(name) == 64 and HEX.issuperset(name)
            if name not in self.written and (blob or name.startswith("signature-")):
                try:
                    os.unlink(os.path.join(self.path, name))
                except OSError:
                    pass  # room that is not given back, and no more


def _holds(path: str, digits: str, size: int) -> bool:
    """Whether the file ``path`` is there and has the digest that its name promises."""
    hasher = openssl_sha256()
    try:
        with open(path, "rb", buffering=0) as file:
            if len(digits) != 64 or os.fstat(file.fileno()).st_size != size:
                return False
            while data := file.read(_CHUNK):
                hasher.update(data)
    except OSError:
        return False
    return hasher.hexdigest() == digits


_DIR_VERSION = b"Directory Transport Version: "


def write_error(error: OSError) -> SkerryError:
    """An error while writing."""
    if isinstance(error, BrokenPipeError):
        raise error  # who read it has seen enough
    kind = OutOfSpace if error.errno in (28, 122) else Unavailable
    return kind(f"cannot write the image: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
