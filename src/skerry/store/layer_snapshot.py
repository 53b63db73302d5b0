"""A layer from a tree that stays where it is, and in use: it is packed on one side of a pipe and unpacked on the other.

Copying first and hashing the copy takes longer: here the file data goes from the page cache into the pipe without
passing through Python (sendfile), and both sides work at once.
"""

from __future__ import annotations

import fcntl
import io
import os
import threading

from skerry.store.archive.pack import Packer
from skerry.store.layer_add import translated
from skerry.store.layers import add_layer
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

    Skip = Callable[[bytes, os.stat_result], bool]

_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
_PIPE_BYTES = 1 << 20
_GATHER = 1 << 16
_RECORD = 20 * 512  # what GNU tar reads and writes at a time


def add_snapshot(store: Store, parent: str | None, tree: str, *, skip: Skip | None = None) -> LayerRecord:
    """Make what is in ``tree`` (an overlay's upper folder, or a mounted root) a layer above ``parent``; the tree stays.

    Programs may write to it meanwhile: each file is what it was when its turn came. ``skip`` leaves entries out.
    Durable when it returns; killed before that, nothing is left but staging."""
    step("layer.snapshot")
    with Packed(tree, skip) as packed:
        return add_layer(store, parent, io.BufferedReader(packed, _PIPE_BYTES))


def write_tree(
    tree: str, out: int, *, skip: Skip | None = None, layer: bool = False, latest_s: int | None = None
) -> None:  # fmt: skip
    """Write what is in ``tree`` to a descriptor as a tar, or as a ``layer``, where names that begin with ``.wh.`` cannot
    be; nothing later than ``latest_s``. OSError is the descriptor's or the tree's."""
    writer = _Writer(out)
    Packer(tree, writer.header, writer.data, skip=skip, live=True, layer=layer, latest_s=latest_s).run()
    writer.flush()
    if not layer:
        # GNU tar appends to and deletes from archives that end with a record; of others it makes broken ones.
        writer.header(bytes(-writer.sent % _RECORD))
        writer.flush()


class _Writer:
    """Takes a packer's pieces to a descriptor."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._waiting = bytearray()
        self.sent = 0  # bytes that the descriptor took

    def header(self, piece: bytes) -> None:
        self._waiting += piece
        if len(self._waiting) >= _GATHER:
            self.flush()

    def flush(self) -> None:
        view = memoryview(bytes(self._waiting))
        self._waiting.clear()
        self.sent += len(view)
        while view:
            view = view[os.write(self._fd, view) :]

    def data(self, fd: int, _path: bytes, size: int) -> None:
        """The file's bytes; zeros for what was cut off it since its size was written."""
        if size < _GATHER:
            piece = os.read(fd, size)
            self.header(piece if len(piece) == size else self._rest(fd, piece, size))
            return
        self.flush()
        while size:
            sent = os.sendfile(self._fd, fd, None, min(size, 1 << 24))
            if not sent:
                break
            size -= sent
            self.sent += sent
        while size:
            self.header(bytes(min(size, _GATHER)))
            size -= min(size, _GATHER)

    def _rest(self, fd: int, piece: bytes, size: int) -> bytes:
        while len(piece) < size and (more := os.read(fd, size - len(piece))):
            piece += more
        return piece.ljust(size, b"\0")


class Packed(io.RawIOBase):
    """The tar of a tree as a readable file; an error of the packing thread is raised by the read that would be the
    last one, so that half a tree never looks like a whole."""

    def __init__(self, tree: str, skip: Skip | None) -> None:
        self._tree = tree
        self._skip = skip
        self._error: BaseException | None = None
        self._reader, self._writer = os.pipe()
        try:
            fcntl.fcntl(self._writer, _SET_PIPE_SIZE, _PIPE_BYTES)
        except OSError:
            pass  # a user's pipes may be limited: it is slower then
        self._thread = threading.Thread(target=self._pack, name="pack", daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        count = os.readv(self._reader, [buffer])
        if not count:
            self._thread.join()
            if isinstance(self._error, OSError):
                raise translated(self._error, "cannot read what is to become a layer") from self._error
            if self._error is not None:
                raise self._error
        return count

    def close(self) -> None:
        if not self.closed:
            os.close(self._reader)  # a packer that still writes ends with EPIPE
            self._thread.join()
        super().close()

    def _pack(self) -> None:
        try:
            write_tree(self._tree, self._writer, skip=self._skip, layer=True)
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that reads
            self._error = error
        finally:
            os.close(self._writer)
