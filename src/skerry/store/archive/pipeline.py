"""A layer's bytes on their way in: read, hashed, kept and decompressed in one thread, hashed again in another.

The extractor in the caller's thread and the two threads overlap because reading, isal, zstandard, OpenSSL and the
system calls all drop the interpreter's lock. Queues are bounded: memory stays at some MiB however fast one side is.
"""

from __future__ import annotations

import _hashlib
from queue import SimpleQueue
from threading import Semaphore, Thread

from skerry.errors import Corrupt
from skerry.store.archive.decompress import decompressed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO, Protocol

    class Readable(Protocol):
        """All that is needed of a stream."""

        def read(self, size: int = ..., /) -> bytes: ...


CHUNK = 1 << 20
_AHEAD = 8


class Pipeline:
    """``next_chunk`` gives the uncompressed bytes; after its ``b""``, `finish` gives both digests.

    A context manager: leaving it early stops the threads."""

    def __init__(self, stream: Readable, *, keep: BinaryIO | None = None) -> None:
        """``keep`` is given the bytes as they come, if they are compressed."""
        self._stream = stream
        self._keep = keep
        self._raw_hash = _hashlib.openssl_sha256()
        self._hash = _hashlib.openssl_sha256()
        self.raw_size = self.size = 0
        self.encoding = ""
        self._chunks: SimpleQueue[bytes | BaseException] = SimpleQueue()
        self._to_hash: SimpleQueue[bytes] = SimpleQueue()
        self._room = Semaphore(_AHEAD)
        self._hash_room = Semaphore(_AHEAD)
        self._stopped = False
        self._ended = False
        self._threads = [Thread(target=self._produce, daemon=True), Thread(target=self._digest, daemon=True)]

    def __enter__(self) -> Pipeline:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        for _n in range(_AHEAD):
            self._room.release()
            self._hash_room.release()
        for thread in self._threads:
            thread.join()

    def next_chunk(self) -> bytes:
        """The next uncompressed bytes, ``b""`` at the end. Raises what went wrong in the thread."""
        if self._ended:
            return b""
        chunk = self._chunks.get()
        self._room.release()
        if isinstance(chunk, BaseException):
            self._ended = True
            raise chunk
        self._ended = not chunk
        self.size += len(chunk)
        return chunk

    def finish(self) -> tuple[str, str]:
        """The digests of the bytes as they came and of the uncompressed ones."""
        for thread in self._threads:
            thread.join()
        digest = "sha256:" + self._hash.hexdigest()
        return ("sha256:" + self._raw_hash.hexdigest() if self.encoding else digest), digest

    def _produce(self) -> None:
        try:
            head = self._stream.read(CHUNK)
            self.encoding = encoding_of(head)
            chunks = decompressed(self._raw(head), self.encoding) if self.encoding else self._raw(head)
            for chunk in chunks:
                self._hash_room.acquire()
                self._room.acquire()
                if self._stopped:
                    break
                self._to_hash.put(chunk)
                self._chunks.put(chunk)
            self._chunks.put(b"")
        except BaseException as error:  # noqa: BLE001 - a thread's end: next_chunk raises it
            self._chunks.put(error)
        self._to_hash.put(b"")

    def _raw(self, head: bytes) -> Iterator[bytes]:
        compressed = bool(self.encoding)
        while head and not self._stopped:
            self.raw_size += len(head)
            if compressed:
                self._raw_hash.update(head)
                if self._keep:
                    self._keep.write(head)
            yield head
            head = self._stream.read(CHUNK)

    def _digest(self) -> None:
        while chunk := self._to_hash.get():
            self._hash.update(chunk)
            self._hash_room.release()


def encoding_of(head: bytes) -> str:
    """``gzip``, ``zstd`` or "" (a plain tar), by the first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    for magic, name in ((b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz")):
        if head.startswith(magic):
            raise Corrupt(f"a layer compressed with {name} is not supported", hint="gzip, zstd and plain tar are")
    return ""
