"""A layer's uncompressed tar as a file object, verified while it is read."""

from __future__ import annotations

import io
from _hashlib import openssl_sha256

from skerry.errors import Corrupt, NotFound
from skerry.store.archive.recipe import tar_chunks
from skerry.store.layers import get_layer, layer_place

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from _typeshed import WriteableBuffer

    from skerry.store.store import Store
    from skerry.store.types import LayerRecord


def layer_chunks(store: Store, chain_id: str) -> Iterator[bytes]:
    """The tar in pieces of a MiB; `Corrupt` instead of its end when the digest is another."""
    record = get_layer(store, chain_id)
    if record is None:
        raise NotFound(f"layer {chain_id} does not exist")
    yield from chunks_of(store, record)


def chunks_of(store: Store, record: LayerRecord) -> Iterator[bytes]:
    """`layer_chunks` of a layer whose record is at hand: without the database, so in any thread."""
    chain_id = record["chain_id"]
    folder = layer_place(store, chain_id)
    hasher = openssl_sha256()
    for chunk in _chunks_in(store, folder):
        hasher.update(chunk)
        yield chunk
    if "sha256:" + hasher.hexdigest() != record["diff_id"]:
        raise Corrupt(
            f"layer {chain_id} was altered in the store", hint="remove the images that use it and pull or load them"
        )


def _chunks_in(store: Store, folder: str) -> Iterator[bytes]:
    recipe = store.elsewhere.tar_splits.get(folder) if store.elsewhere else None
    if recipe is None:
        return tar_chunks(folder + "/recipe.zst", folder)
    from skerry.store.archive.tar_split import chunks

    return chunks(recipe, folder + "/diff")


class _Chunks(io.RawIOBase):
    """Chunks as a readable file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer).cast("B")
        while not self._left:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._left = memoryview(chunk)
        count = min(len(target), len(self._left))
        target[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def open_tar(store: Store, chain_id: str) -> BinaryIO:
    """See `skerry.store.layers.open_layer_tar`."""
    return as_file(layer_chunks(store, chain_id))


def as_file(chunks: Iterator[bytes]) -> BinaryIO:
    """Chunks as a file to read from."""
    return io.BufferedReader(_Chunks(chunks), 1 << 20)
