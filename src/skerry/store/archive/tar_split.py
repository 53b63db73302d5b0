"""A layer's tar rebuilt from its tree by the recipe that containers/storage keeps: tar-split, gzipped lines of JSON.

A line is a piece of the tar as it was (type 2: headers and padding), or says that a file's data stands here (type 1).
Files are found as a container would find them: links cannot lead out of the tree. Who reads the chunks compares their
digest.
"""

from __future__ import annotations

import base64
import gzip
import os
import zlib

from skerry import fastjson
from skerry.errors import Corrupt, SkerryError
from skerry.linux.beneath import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = 1 << 20
_LONGEST_LINE = 16 << 20  # a piece holds what stands between two files' data: headers of many empty ones


def chunks(recipe: str, tree: str) -> Iterator[bytes]:
    """The tar in pieces. `Corrupt` when the recipe is none or a file of the tree is not what it says."""
    try:
        with gzip.open(recipe) as lines:
            while line := lines.readline(_LONGEST_LINE):
                kind, piece, size = _entry(line, recipe)
                if kind == 2:
                    yield piece
                elif size:
                    yield from _data(tree, piece, size)
    except (OSError, EOFError, zlib.error) as error:
        raise Corrupt(f"the layer's recipe cannot be read: {recipe}: {error}") from error


def _entry(line: bytes, recipe: str) -> tuple[int, bytes, int]:
    """Type; bytes or the file's name; the file's size."""
    try:
        entry = fastjson.loads(line)
        payload = base64.b64decode(entry.get("payload") or "", validate=True)
        if entry["type"] == 2:
            return 2, payload, 0
        raw = entry.get("name_raw")
        name = base64.b64decode(raw) if raw else os.fsencode(entry.get("name") or "")
        size = entry.get("size", 0)
        if entry["type"] == 1 and type(size) is int and size >= 0:
            return 1, name, size
    except (SkerryError, ValueError, LookupError, TypeError, AttributeError):
        pass  # it is said below
    raise Corrupt(f"the layer's recipe is damaged: {recipe}")


def _data(tree: str, name: bytes, size: int) -> Iterator[bytes]:
    shown = repr(os.fsdecode(name))
    try:
        fd = open_in_root(tree, os.fsdecode(name), os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise Corrupt(f"a file of the layer is gone or replaced: {shown}: {error.strerror}") from error
    try:
        if os.fstat(fd).st_size != size:
            raise Corrupt(f"a file of the layer has another size: {shown}")
        while size:
            piece = os.read(fd, min(size, _PIECE))
            if not piece:
                raise Corrupt(f"a file of the layer was cut: {shown}")
            size -= len(piece)
            yield piece
    finally:
        os.close(fd)
