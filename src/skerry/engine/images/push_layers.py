"""An image's layers on their way out: compressed where they are not, in threads, and uploaded side by side."""

from __future__ import annotations

import _hashlib
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from skerry.image.registry.upload import Blob, push_blob
from skerry.store.archive.compress import compress_layer_tar
from skerry.store.layer_add import translated
from skerry.store.layer_blob import remember_blob
from skerry.store.layer_stage import MEDIA
from skerry.store.layer_tar import as_file, chunks_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from typing import BinaryIO

    from skerry.engine.images.transfer import Report
    from skerry.image.registry.client import Client
    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

_WORKERS = 3


class Wanted:
    """One layer to push. With a ``digest``: the file ``path``, or (no path) the layer's plain tar. Without: the tar
    compressed by ``encoding`` and ``level``."""

    __slots__ = ("digest", "encoding", "layer", "level", "path", "size")

    def __init__(
        self, layer: LayerRecord, path: str, digest: str, size: int, encoding: str = "", level: int | None = None
    ) -> None:
        self.layer = layer
        self.path = path
        self.digest = digest
        self.size = size
        self.encoding = encoding
        self.level = level


class PushedLayer:
    """What the manifest says of a layer."""

    __slots__ = ("digest", "encoding", "size")

    def __init__(self, digest: str, size: int, encoding: str) -> None:
        self.digest = digest
        self.size = size
        self.encoding = encoding


def push_layers(
    store: Store, client: Client, layers: Sequence[Wanted], sources: Mapping[str, Sequence[str]], report: Report
) -> list[PushedLayer]:
    """Make all layers be in the repository. What was compressed is remembered in the store."""
    pool = ThreadPoolExecutor(_WORKERS)
    uploads: list[Future[None]] = []
    compressions: list[Future[None] | None] = []
    try:
        with store.staging() as staging:
            try:
                for number, layer in enumerate(layers):
                    path = f"{staging.path}/{number}"
                    compressions.append(None if layer.digest else pool.submit(_compress, store, layer, path, client))
                begun: dict[str, Future[None]] = {}
                for layer, compression in zip(layers, compressions, strict=True):
                    if compression:
                        compression.result()
                        _remember(store, layer)
                    if layer.digest not in begun:  # an image may have a layer twice
                        mounts = sources.get(layer.layer["chain_id"], ())
                        begun[layer.digest] = pool.submit(_upload, store, client, layer, mounts, report)
                uploads = list(begun.values())
                _settle(uploads)
            finally:
                if not all(future.done() for future in (*uploads, *filter(None, compressions))):
                    client.abort()
                pool.shutdown(wait=True, cancel_futures=True)
    except OSError as error:
        raise translated(error, "cannot compress a layer") from error
    return [PushedLayer(layer.digest, layer.size, layer.encoding or _encoding(layer.layer)) for layer in layers]


def _settle(futures: Sequence[Future[None]]) -> None:
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        if error := future.exception():
            raise error


def _encoding(record: LayerRecord) -> str:
    return "zstd" if record["blob_media_type"] == MEDIA["zstd"] else "gzip"


def _compress(store: Store, wanted: Wanted, path: str, client: Client) -> None:
    """Write the compressed tar to ``path``. The same bytes each time. Runs in a thread."""
    hasher, size = _hashlib.openssl_sha256(), 0
    with open(path, "wb", buffering=0) as file:
        for data in compress_layer_tar(chunks_of(store, wanted.layer), wanted.encoding, level=wanted.level):
            client.check_stopped()
            hasher.update(data)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
            size += len(data)
    wanted.path, wanted.digest, wanted.size = path, "sha256:" + hasher.hexdigest(), size


def _remember(store: Store, wanted: Wanted) -> None:
    if wanted.layer["blob"]:
        return  # a layer has one compressed form that is kept; this one was for this push
    compressed = wanted.layer.copy()
    compressed["blob"], compressed["blob_size"] = wanted.digest, wanted.size
    compressed["blob_media_type"] = MEDIA[wanted.encoding]
    remember_blob(store, compressed, wanted.path)


def _upload(store: Store, client: Client, wanted: Wanted, sources: Sequence[str], report: Report) -> None:
    """Runs in a thread."""

    def open_it() -> BinaryIO:
        if wanted.path:
            return open(wanted.path, "rb", buffering=0)
        return as_file(chunks_of(store, wanted.layer))

    digest = wanted.digest
    report.copying(digest, wanted.size)
    blob = Blob(digest, wanted.size, open_it, lambda count: report.advance(digest, count))
    note = push_blob(client, blob, sources)
    report.done(digest, f"skipped: {note}" if note == "already exists" else note)
