"""Cache mounts as tars, so that another machine can begin with them."""

from __future__ import annotations

import io
import os
import time

from skerry import fastjson
from skerry.engine.builds.cache_mounts import folder_of, mounts_folder
from skerry.engine.builds.root import translated
from skerry.store.layer_snapshot import Packed, write_tree
from skerry.store.layer_stage import extract
from skerry.store.locks import Lock
from skerry.store.staging import Staging, remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from skerry.engine.builds.types import MountRecord
    from skerry.engine.engine import Engine


def export_mount(engine: Engine, id: str, fd: int) -> bool:
    """See `Builds.export_cache_mount`. Steps may use it meanwhile."""
    folder = folder_of(engine, id)
    if not engine.store.db.query("SELECT 1 FROM build_mounts WHERE id = ?", id) or not os.path.isdir(folder + "/data"):
        return False
    try:
        with Lock(folder + ".lock", shared=True):
            write_tree(folder + "/data", fd)
    except OSError as error:
        raise translated(error, f"cannot export the cache mount {id}") from error
    return True


def import_mount(engine: Engine, id: str, fd: int, *, replace: bool) -> bool:
    """See `Builds.import_cache_mount`. Killed anywhere: the old one, or the whole new one."""
    known = engine.store.db.query("SELECT 1 FROM build_mounts WHERE id = ?", id)
    if known and not replace:
        return False
    folder = folder_of(engine, id)
    os.makedirs(mounts_folder(engine), mode=0o711, exist_ok=True)
    try:
        with Staging(engine.store.path("staging")) as staging, Lock(folder + ".lock"):
            new = staging.path + "/mount"
            os.mkdir(new, 0o711)
            with open(fd, "rb", buffering=0, closefd=False) as stream:
                _unpack(stream, new, rootless=engine.store.rootless)
            step("build.import-mount")
            remove_tree(folder)
            os.rename(new, folder)
            _record(engine, id)
    except OSError as error:
        raise translated(error, f"cannot import the cache mount {id}") from error
    return True


def _record(engine: Engine, id: str) -> None:
    now = time.time_ns()
    record: MountRecord = {"id": id, "created_ns": now, "used_ns": now, "size": 0}
    with engine.store.db.write(durable=False) as db:
        db.execute(
            "INSERT OR REPLACE INTO build_mounts (id, used_ns, doc) VALUES (?, ?, ?)", id, now, fastjson.dumps(record)
        )


def _unpack(stream: BinaryIO, folder: str, *, rootless: bool) -> None:
    """A tar's tree as ``folder``/data."""
    from skerry.store.archive.pipeline import Pipeline

    with Pipeline(stream, keep=None) as pipeline:
        extract(pipeline, folder, max_bytes=0, rootless=rootless)
        pipeline.finish()
    os.rename(folder + "/diff", folder + "/data")
    os.unlink(folder + "/recipe.zst")


def copy_tree(source: str, folder: str) -> None:
    """A copy of the folder ``source`` as ``folder``/data, with owners, modes, times, attributes and links."""
    with Packed(source, None) as packed:
        _unpack(io.BufferedReader(packed, 1 << 20), folder, rootless=os.geteuid() != 0)
