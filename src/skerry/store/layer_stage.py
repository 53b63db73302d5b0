"""Unpacking a layer into a folder, verified, and nothing more: no row, no lock, no database, so in any thread."""

from __future__ import annotations

import os
import threading
import time

from skerry.errors import Corrupt
from skerry.store.archive.budget import Budget
from skerry.store.archive.extract import Extractor
from skerry.store.archive.pipeline import Pipeline
from skerry.store.archive.reader import entries
from skerry.store.archive.recipe import RecipeWriter
from skerry.store.archive.source import Source
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from skerry.store.archive.pipeline import Readable
    from skerry.store.types import LayerRecord


MEDIA = {
    "": "application/vnd.oci.image.layer.v1.tar",
    "gzip": "application/vnd.oci.image.layer.v1.tar+gzip",
    "zstd": "application/vnd.oci.image.layer.v1.tar+zstd",
}


class Expected:
    """What the caller knows about the layer."""

    __slots__ = ("blob", "blob_size", "diff_id", "max_bytes")

    def __init__(self, diff_id: str | None, blob: str | None, blob_size: int | None, max_bytes: int) -> None:
        self.diff_id = diff_id
        self.blob = blob
        self.blob_size = blob_size
        self.max_bytes = max_bytes

    def verify(self, pipeline: Pipeline, blob: str, diff_id: str) -> None:
        """`Corrupt` when the bytes are not what was promised."""
        if self.blob_size is not None and pipeline.raw_size != self.blob_size:
            raise Corrupt(f"the layer has {pipeline.raw_size} bytes, not {self.blob_size}")
        if self.blob is not None and blob != self.blob:
            raise Corrupt(f"the layer's digest is {blob}, not {self.blob}")
        if self.diff_id is not None and diff_id != self.diff_id:
            raise Corrupt(f"the layer's content has the digest {diff_id}, not {self.diff_id}")


def unpack(folder: str, stream: Readable, expected: Expected, *, keep: BinaryIO | None, rootless: bool) -> LayerRecord:
    """Unpack a tar (plain, gzip or zstd) into the new ``folder`` and verify it: the layer's record, but for its place
    in a chain. ``keep`` is given the bytes as they come, if they are compressed. `Corrupt`, ``OSError``."""
    step("layer.unpack")
    os.mkdir(folder, 0o700)
    with Pipeline(stream, keep=keep) as pipeline:
        extract(pipeline, folder, max_bytes=expected.max_bytes, rootless=rootless)
        blob, diff_id = pipeline.finish()
    expected.verify(pipeline, blob, diff_id)
    return {
        "chain_id": "",
        "parent": None,
        "diff_id": diff_id,
        "size": pipeline.size,
        "blob": blob if pipeline.encoding else None,
        "blob_size": pipeline.raw_size if pipeline.encoding else None,
        "blob_media_type": MEDIA[pipeline.encoding],
        "created_ns": time.time_ns(),
    }


def extract(pipeline: Pipeline, folder: str, *, max_bytes: int, rootless: bool) -> None:
    """Unpack what ``pipeline`` gives into ``folder``/diff and write the recipe beside it."""
    diff = folder + "/diff"
    os.mkdir(diff, 0o755)
    os.chmod(diff, 0o755)
    source = Source(pipeline.next_chunk)
    recipe = RecipeWriter(folder + "/recipe.zst")
    budget = Budget(folder, max_bytes)
    try:
        with Umask(), Extractor(diff, source, recipe, budget, kept=folder + "/kept", rootless=rootless) as extractor:
            for entry in entries(source, recipe.keep):
                extractor.add(entry)
            extractor.finish()
        recipe.close()
    finally:
        recipe.abandon()


class Umask:
    """Umask 0 while layers are unpacked, in however many threads: the umask is the process's."""

    _lock = threading.Lock()
    _users = 0
    _before = 0

    def __enter__(self) -> None:
        with Umask._lock:
            if not Umask._users:
                Umask._before = os.umask(0)
            Umask._users += 1

    def __exit__(self, *_: object) -> None:
        with Umask._lock:
            Umask._users -= 1
            if not Umask._users:
                os.umask(Umask._before)
