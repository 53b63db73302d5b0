"""An image's layers on their way in: fetched, verified and unpacked in parallel, recorded from the base up.

Nothing is recorded before all is unpacked: a pull that fails or is killed leaves no layer, but the bytes that came
(see store/partial.py). Of several processes that pull the same layer one does the work: it holds the layer's lock,
the others do what else they need and then wait. Nobody waits for a layer while holding a lower one, so there is no
circle. A blob's own lock is held while it is fetched, and nothing is waited for meanwhile.
"""

from __future__ import annotations

import os
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

from skerry.engine.images.add import drop_layers
from skerry.errors import Corrupt, NotFound, OutOfSpace, Unsupported
from skerry.image.registry.documents import Descriptor
from skerry.image.registry.download import Download
from skerry.store.early_sync import EarlySync
from skerry.store.layer_add import chain_id, commit, existing, replace_files, translated
from skerry.store.layer_stage import Expected, unpack
from skerry.store.layers import get_layer, layer_dir
from skerry.store.partial import Partial, discard_whole, whole_path
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future
    from typing import BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Report
    from skerry.image.registry.client import Client
    from skerry.store.archive.pipeline import Readable
    from skerry.store.locks import Lock
    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

# Each holds up to some 25 MiB in its pipeline; more do not help where unpacking is the bottleneck.
WORKERS = 3


class _Layer:
    """One layer that is missing here."""

    __slots__ = ("chain_id", "descriptor", "diff_id", "folder", "future", "lock", "parent")

    def __init__(self, chain: str, parent: str | None, diff_id: str, descriptor: Descriptor, folder: str) -> None:
        self.chain_id = chain
        self.parent = parent
        self.diff_id = diff_id
        self.descriptor = descriptor
        self.folder = folder
        self.lock: Lock | None = None
        self.future: Future[LayerRecord] | None = None

    @property
    def blob_link(self) -> str:
        """The verified bytes of the blob, under a name of our own: what others remove does not matter."""
        return self.folder + ".blob"


class fetch_layers:
    """Makes all layers be there; ``ids`` are their chain ids. Without `keep` those that are new go again."""

    def __init__(
        self, engine: Engine, client: Client, layers: Sequence[Descriptor], diff_ids: Sequence[str], report: Report
    ) -> None:
        self.ids: list[str] = []
        self._engine = engine
        self._store = engine.store
        self._client = client
        self._report = report
        self._descriptors = layers
        self._diff_ids = diff_ids
        self._committed: list[str] = []
        self._kept = False

    def keep(self) -> None:
        """The layers are an image's now."""
        self._kept = True

    def __enter__(self) -> fetch_layers:
        try:
            with self._store.staging() as staging:
                self._fetch(staging.path)
        except OSError as error:
            self._undo()
            raise translated(error, "cannot add the layers") from error
        except BaseException:
            self._undo()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if not self._kept:
            self._undo()

    def _undo(self) -> None:
        drop_layers(self._engine, self._committed)

    def _fetch(self, staging: str) -> None:
        missing = self._missing(staging)
        if not missing:
            return
        pool = ThreadPoolExecutor(WORKERS)
        try:
            with EarlySync(staging):  # one for all threads
                self._claim(missing, pool)
                self._settle(missing)
            for position, layer in enumerate(missing):
                if layer.future is None:
                    self._wait_for_other(layer, missing[position:], pool)
                if layer.future is not None:
                    self._commit(layer)
        finally:
            # Threads of a failed pull are told to end: none outlives the folder that it writes to.
            if any(layer.future and not layer.future.done() for layer in missing):
                self._client.abort()
            pool.shutdown(wait=True, cancel_futures=True)
            for layer in missing:
                if layer.lock:
                    layer.lock.release(remove=True)

    def _missing(self, staging: str) -> list[_Layer]:
        parent, missing = None, []
        for number, (descriptor, diff_id) in enumerate(zip(self._descriptors, self._diff_ids, strict=True)):
            if descriptor.media_type.endswith("+encrypted"):
                raise Unsupported(f"layer {descriptor.digest} is encrypted, which is not supported")
            chain = chain_id(parent, diff_id)
            if self._is_there(chain):
                self._report.done(descriptor.digest, "skipped: already exists")
            else:
                self._report.copying(descriptor.digest, descriptor.size)
                missing.append(_Layer(chain, parent, diff_id, descriptor, f"{staging}/{number}"))
            self.ids.append(chain)
            parent = chain
        return missing

    def _is_there(self, chain: str) -> bool:
        return get_layer(self._store, chain) is not None and os.path.isdir(layer_dir(self._store, chain))

    def _claim(self, layers: Sequence[_Layer], pool: ThreadPoolExecutor) -> None:
        """Begin with every layer that no other process works on."""
        for layer in layers:
            if layer.future is not None or self._is_there(layer.chain_id):
                continue
            try:
                layer.lock = layer.lock or self._store.lock("layer", layer.chain_id, blocking=False)
            except BlockingIOError:
                continue
            if existing(self._store, layer.chain_id):
                layer.lock.release()
                layer.lock = None
                continue
            layer.future = pool.submit(_stage, self._store, self._client, layer, self._report)

    def _settle(self, layers: Sequence[_Layer]) -> None:
        """Wait until all that was begun is unpacked; the first error ends the rest."""
        futures = [layer.future for layer in layers if layer.future]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            if error := future.exception():
                raise error

    def _wait_for_other(self, layer: _Layer, rest: Sequence[_Layer], pool: ThreadPoolExecutor) -> None:
        """Another process has (or had) this layer's lock. When it gave up, the work is ours."""
        layer.lock = self._store.lock("layer", layer.chain_id)
        if existing(self._store, layer.chain_id):
            layer.lock.release()
            layer.lock = None
            self._report.done(layer.descriptor.digest, "skipped: already exists")
            return
        self._claim(rest, pool)
        self._settle(rest)

    def _commit(self, layer: _Layer) -> None:
        assert layer.future
        assert layer.lock
        record = layer.future.result()
        record["parent"], record["chain_id"] = layer.parent, layer.chain_id
        commit(self._store, record, layer.folder, layer.blob_link if record["blob"] else None)
        self._committed.append(layer.chain_id)
        discard_whole(self._store, layer.descriptor.digest)
        layer.lock.release(remove=True)
        layer.lock = None


def _stage(store: Store, client: Client, layer: _Layer, report: Report) -> LayerRecord:
    """Unpack one layer into its folder, from bytes that are here or else from the registry. Runs in a thread."""
    digest, altered = layer.descriptor.digest, False
    while True:
        path = "" if altered else whole_path(store, digest)
        if path:
            try:
                os.link(path, layer.blob_link)
            except FileNotFoundError:
                continue  # moved, or swept
            try:
                return _from_file(store, layer, report)
            except Corrupt:
                if _is_intact(layer.blob_link, digest):
                    raise  # the bytes are right: what was promised about them is wrong
                remove_tree(layer.blob_link)
                discard_whole(store, digest)
                altered = True
        with Partial(store, digest) as partial:
            if not altered and whole_path(store, digest):
                continue  # another process was faster
            try:
                record = _from_registry(store, client, layer, partial, report)
            except OutOfSpace:
                partial.discard()
                raise
            os.link(partial.finish(), layer.blob_link)
        if altered:
            _replace(store, digest, layer.blob_link)
        report.done(digest)
        return record


def _from_file(store: Store, layer: _Layer, report: Report) -> LayerRecord:
    with open(layer.blob_link, "rb", buffering=0) as file:
        record = _unpack(store, layer, file)
    report.done(layer.descriptor.digest, "skipped: already exists")
    return record


def _from_registry(store: Store, client: Client, layer: _Layer, partial: Partial, report: Report) -> LayerRecord:
    descriptor, counted = layer.descriptor, 0

    def advance(count: int) -> None:
        nonlocal counted
        counted += count
        report.advance(descriptor.digest, count)

    while True:
        download = Download(client, descriptor.digest, descriptor.size, partial.fd, advance)
        try:
            return _unpack(store, layer, download)
        except Corrupt:
            partial.forget()
            if not download.resumed_at:
                raise
            # What an earlier pull left may be damaged (power loss): once more, from the beginning.
            report.advance(descriptor.digest, -counted)
            counted = 0
        finally:
            download.close()


def _unpack(store: Store, layer: _Layer, stream: Readable | BinaryIO) -> LayerRecord:
    descriptor = layer.descriptor
    remove_tree(layer.folder)
    expected = Expected(layer.diff_id, descriptor.digest, descriptor.size, 0)
    try:
        return unpack(layer.folder, stream, expected, keep=None, rootless=store.rootless)
    except Corrupt as error:
        raise Corrupt(f"layer {descriptor.digest}: {error.message}", hint=error.hint) from None
    except OSError as error:
        raise translated(error, f"cannot unpack layer {descriptor.digest}") from error


def _is_intact(path: str, digest: str) -> bool:
    from _hashlib import openssl_sha256

    hasher = openssl_sha256()
    with open(path, "rb", buffering=0) as file:
        while data := file.read(1 << 20):
            hasher.update(data)
    return "sha256:" + hasher.hexdigest() == digest


def _replace(store: Store, digest: str, path: str) -> None:
    """Put verified bytes where altered ones lie."""
    from skerry.store.blobs import blob_path

    with store.lock("blob", digest):
        temporary = path + ".new"
        os.link(path, temporary)
        os.rename(temporary, blob_path(store, digest))


def fetch_again(
    engine: Engine, client: Client, chain: str, diff_id: str, descriptor: Descriptor, report: Report
) -> None:
    """Put verified files where a layer's lie damaged: from its blob if that is here and whole, else from the registry.
    Its row stays. Nobody may have the layer mounted."""
    store = engine.store
    with store.lock("layer", chain), store.staging() as staging:
        record = get_layer(store, chain)
        if record is None:
            raise NotFound(f"layer {chain} does not exist")
        wanted = _Layer(chain, record["parent"], diff_id, descriptor, staging.path + "/0")
        _stage(store, client, wanted, report)
        replace_files(store, record, wanted.folder, wanted.blob_link)
        discard_whole(store, descriptor.digest)
