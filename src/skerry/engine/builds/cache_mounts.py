"""Cache mounts: folders that stay between builds.

root/builds/mounts/HEX/data     the folder; HEX is made of the id (and of a number, for private ones)
root/builds/mounts/HEX.lock     held shared or alone while a step has it
A row in build_mounts says that it is whole; a folder without one is taken as new.
"""

from __future__ import annotations

import os
import time
from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.engine.builds.errors import Interrupted
from skerry.engine.builds.root import translated
from skerry.errors import Invalid
from skerry.store.locks import Lock
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.builds.types import MountRecord
    from skerry.engine.engine import Engine

SHARING = ("shared", "private", "locked")
_MOST_PRIVATE = 1000
_PAUSE_S = 0.02


def mounts_folder(engine: Engine) -> str:
    """Where the folders of all cache mounts are."""
    return engine.store.path("builds", "mounts")


def folder_of(engine: Engine, id: str, number: int = 0) -> str:
    """The folder of one; ``number`` counts those of a private id that are in use at once."""
    text = f"{id}\0{number}" if number else id
    return f"{mounts_folder(engine)}/{openssl_sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"


def row_id(id: str, number: int) -> str:
    """What it is called in the database."""
    return f"{id}#{number}" if number else id


class CacheMount:
    """See `Builds.cache_mount`."""

    def __init__(
        self, engine: Engine, id: str, *, sharing: str, uid: int, gid: int, mode: int, source: str,
        cancelled: Callable[[], bool] | None,
    ) -> None:  # fmt: skip
        if sharing not in SHARING:
            raise Invalid(f'invalid sharing mode "{sharing}" of a cache mount', hint=", ".join(SHARING))
        self._engine = engine
        self.id = id
        self._sharing = sharing
        self._owner = (uid, gid, mode)
        self._source = source
        self._cancelled = cancelled
        self._lock: Lock | None = None
        self._number = 0

    @property
    def path(self) -> str:
        """The folder to mount."""
        return folder_of(self._engine, self.id, self._number) + "/data"

    def __enter__(self) -> CacheMount:
        try:
            os.makedirs(mounts_folder(self._engine), mode=0o711, exist_ok=True)
            self._lock = self._take()
        except OSError as error:
            raise translated(error, "cannot use a cache mount") from error
        try:
            self._prepare()
        except BaseException:
            self._lock.release()
            raise
        return self

    def _take(self) -> Lock:
        while True:
            for number in range(_MOST_PRIVATE if self._sharing == "private" else 1):
                self._number = number
                path = folder_of(self._engine, self.id, number) + ".lock"
                try:
                    return Lock(path, shared=self._sharing == "shared", blocking=False)
                except BlockingIOError:
                    continue  # a step of another build has it
            if self._cancelled is not None and self._cancelled():
                raise Interrupted(f"interrupted while waiting for the cache mount {self.id}")
            time.sleep(_PAUSE_S)

    def _prepare(self) -> None:
        """Make the folder unless it is there whole. Who shares it may do the same: one of them is first."""
        engine, name = self._engine, row_id(self.id, self._number)
        with engine.store.lock("build-mount", os.path.basename(os.path.dirname(self.path)), fleeting=True):
            known = engine.store.db.query("SELECT 1 FROM build_mounts WHERE id = ?", name)
            try:
                if not known or not os.path.isdir(self.path):
                    self._make()
            except OSError as error:
                raise translated(error, f"cannot make the cache mount {self.id}") from error
            now = time.time_ns()
            record: MountRecord = {"id": name, "created_ns": now, "used_ns": now, "size": 0}
            step("build.record-mount")
            with engine.store.db.write(durable=False) as db:
                if known:
                    db.execute("UPDATE build_mounts SET used_ns = ? WHERE id = ?", now, name)
                else:
                    db.execute(
                        "INSERT OR REPLACE INTO build_mounts (id, used_ns, doc) VALUES (?, ?, ?)",
                        name, now, fastjson.dumps(record),
                    )  # fmt: skip

    def _make(self) -> None:
        from skerry.store.staging import remove_tree

        folder = os.path.dirname(self.path)
        remove_tree(folder)
        step("build.make-mount")
        os.mkdir(folder, 0o711)
        if self._source:
            from skerry.engine.builds.cache_transfer import copy_tree

            copy_tree(self._source, folder)
        else:
            os.mkdir(self.path, 0o755)
        uid, gid, mode = self._owner
        os.chown(self.path, uid, gid)
        os.chmod(self.path, mode)

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            self._lock.release()
            self._lock = None
