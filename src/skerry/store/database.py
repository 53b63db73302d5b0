"""The state of one root: a SQLite database (WAL) and its schema.

Transactions are short and never span a wait for another process. Records are JSON documents beside the few
columns that are searched. A write is ``durable`` (fsync before commit returns) when a command will report it as
lasting; what is observed anyway (running, exited) and ``--rm`` containers need not be (design.md, measured).
"""

from __future__ import annotations

import errno
import os
import sys
import time

from skerry.errors import Denied, OutOfSpace, Unavailable
from skerry.fastjson import as_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any

_RESERVE_BYTES = 1 << 20  # given up so that removing works with no byte free
_SPARE_INODES = 8  # for the locks of who stops and removes, and for what conmon writes at a container's end
_SOME_ROOM = 256 << 10
_PAGE = 4096
SCHEMA_VERSION = 6
# What each version added: a database of an earlier one is brought up when it is opened.
_SCHEMA = {1: """
CREATE TABLE layers (
    chain_id TEXT PRIMARY KEY, parent TEXT, diff_id TEXT NOT NULL, blob TEXT, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX layers_parent ON layers (parent);
CREATE INDEX layers_blob ON layers (blob);
CREATE TABLE images (
    id TEXT PRIMARY KEY, digest TEXT NOT NULL, top_layer TEXT, created_ns INTEGER NOT NULL, doc TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX images_digest ON images (digest);
CREATE INDEX images_top ON images (top_layer);
CREATE TABLE image_names (name TEXT PRIMARY KEY, image TEXT NOT NULL, created_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX image_names_image ON image_names (image);
CREATE TABLE pods (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ns INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE containers (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, pod TEXT, image TEXT, created_ns INTEGER NOT NULL,
    doc TEXT NOT NULL, state TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX containers_image ON containers (image);
CREATE INDEX containers_pod ON containers (pod);
CREATE TABLE volumes (name TEXT PRIMARY KEY, created_ns INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE volume_users (volume TEXT NOT NULL, container TEXT NOT NULL, PRIMARY KEY (volume, container))
    WITHOUT ROWID;
CREATE TABLE secrets (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, doc TEXT NOT NULL) WITHOUT ROWID;
""", 2: """
CREATE TABLE indexes (id TEXT PRIMARY KEY, digest TEXT NOT NULL, created_ns INTEGER NOT NULL, doc TEXT NOT NULL)
    WITHOUT ROWID;
CREATE INDEX indexes_digest ON indexes (digest);
CREATE TABLE build_steps (key TEXT PRIMARY KEY, layer TEXT, used_ns INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX build_steps_layer ON build_steps (layer);
CREATE INDEX build_steps_used ON build_steps (used_ns);
CREATE TABLE build_mounts (id TEXT PRIMARY KEY, used_ns INTEGER NOT NULL, doc TEXT NOT NULL) WITHOUT ROWID;
""", 3: """
ALTER TABLE build_steps ADD COLUMN identity TEXT NOT NULL DEFAULT '';
ALTER TABLE build_steps ADD COLUMN inputs TEXT NOT NULL DEFAULT '';
CREATE INDEX build_steps_identity ON build_steps (identity, used_ns);
""", 4: """
CREATE TABLE image_users (image TEXT NOT NULL, user TEXT NOT NULL, PRIMARY KEY (image, user)) WITHOUT ROWID;
""", 5: """
CREATE TABLE past_names (image TEXT NOT NULL, name TEXT NOT NULL, given_ns INTEGER NOT NULL,
    PRIMARY KEY (image, name)) WITHOUT ROWID;
INSERT INTO past_names SELECT image, name, created_ns FROM image_names;
""", 6: """
CREATE INDEX containers_joined ON containers (id) WHERE doc LIKE '%"container:%';
CREATE INDEX containers_mapped ON containers (id) WHERE doc LIKE '%"uid_maps"%';
"""}  # fmt: skip


def _import_sqlite() -> Any:
    """``_sqlite3``, which imports ``functools`` (2 ms) for ``lru_cache`` alone: give it just that.

    See docs/decisions: a command that opens the state pays 0.9 ms instead of 2.8.
    """
    if "functools" in sys.modules:
        import _sqlite3

        return _sqlite3
    import _functools

    class _Functools:
        @staticmethod
        def lru_cache(size: int) -> Any:
            return lambda function: _functools._lru_cache_wrapper(function, size, False, tuple)  # type: ignore[attr-defined]

    sys.modules["functools"] = _Functools  # type: ignore[assignment]
    try:
        import _sqlite3
    finally:
        del sys.modules["functools"]
    return _sqlite3


def _is_full(path: str) -> bool:
    status = os.statvfs(os.path.dirname(path))
    return not status.f_favail or status.f_bavail * status.f_frsize < _SOME_ROOM


def _as_text(value: object) -> object:
    """What users gave in bytes that are no UTF-8: each becomes U+FFFD, as in Go's JSON."""
    return as_text(value) if isinstance(value, str) else value


def _make_private(path: str) -> None:
    """An empty database that only its owner can read: SQLite gives the log, made beside it, the same mode."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError:
        pass  # it is there; or SQLite says what is wrong


class Database:
    """An open connection. One thread's; not to be carried over a fork."""

    def __init__(self, path: str, *, busy_timeout_s: float = 60.0) -> None:
        self._sqlite = _import_sqlite()
        self.path = path
        self._reserve = os.path.join(os.path.dirname(path), "reserve")
        self._spares = os.path.join(os.path.dirname(path), "spares")
        self._depth = 0
        _make_private(path)
        try:
            self._open(busy_timeout_s)
        except OutOfSpace:
            # A reader needs room too (the WAL's index); what it then removes gives it back.
            if not self.give_up_reserve():
                raise
            self._open(busy_timeout_s)

    def _open(self, busy_timeout_s: float) -> None:
        try:
            if os.statvfs(self.path).f_bsize < _PAGE:
                from skerry.store.wal_index import fill_holes

                fill_holes(self.path)
            self._connection = self._sqlite.connect(self.path, timeout=busy_timeout_s, isolation_level=None, uri=True)
            self._enter_wal(busy_timeout_s)
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version < SCHEMA_VERSION:
                self._bring_up()
            elif version > SCHEMA_VERSION:
                raise Unavailable(
                    f"{self.path} was written by a newer Skerry (schema {version})", hint="upgrade Skerry"
                )
        except self._sqlite.Error as error:
            raise self._translated(error) from error
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise OutOfSpace(f"cannot write {self.path}: no space left on device") from error
            raise Unavailable(f"state database {self.path}: {error.strerror}") from error

    def _enter_wal(self, busy_timeout_s: float) -> None:
        """Two that find a new database at once both want it alone to change its mode: SQLite tells one of them at once that
        it is locked, since each would wait for the other."""
        deadline = time.monotonic() + busy_timeout_s
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except self._sqlite.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.002)

    def _bring_up(self) -> None:
        self.keep_reserve()
        with self.write(durable=True):
            present = self._connection.execute("PRAGMA user_version").fetchone()[0]  # maybe somebody was faster
            for version in range(present + 1, SCHEMA_VERSION + 1):
                for statement in _SCHEMA[version].split(";"):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version={version}")

    def _translated(self, error: Exception) -> Exception:
        text = str(error)
        # That is also what SQLite says when there is no room for the WAL's index, or no inode for it.
        vague = "disk I/O error" in text or "unable to open database file" in text
        if "disk is full" in text or (vague and _is_full(self.path)):
            return OutOfSpace(f"cannot write {self.path}: no space left on device")
        if vague and not os.access(os.path.dirname(self.path), os.R_OK | os.W_OK | os.X_OK):
            return Denied(f"state database {self.path}: permission denied")
        if isinstance(error, self._sqlite.IntegrityError):
            same: Exception = error  # the caller knows what it means
            return same
        return Unavailable(f"state database {self.path}: {text}")

    def query(self, sql: str, *args: object) -> list[tuple[Any, ...]]:
        """All rows of a SELECT."""
        try:
            rows: list[tuple[Any, ...]] = self._connection.execute(sql, args).fetchall()
            return rows
        except UnicodeEncodeError:
            return self.query(sql, *map(_as_text, args))
        except self._sqlite.Error as error:
            raise self._translated(error) from error

    def execute(self, sql: str, *args: object) -> int:
        """Run one statement that writes, inside `write`; the number of rows it changed.

        A UNIQUE or PRIMARY KEY collision raises `IntegrityError` (see `is_collision`)."""
        assert self._depth, "a write outside of a transaction"
        try:
            count: int = self._connection.execute(sql, args).rowcount
            return count
        except UnicodeEncodeError:
            return self.execute(sql, *map(_as_text, args))
        except self._sqlite.Error as error:
            raise self._translated(error) from error

    def is_collision(self, error: Exception) -> bool:
        """Whether ``error`` says that a unique column already holds this value."""
        return isinstance(error, self._sqlite.IntegrityError)

    def attach(self, path: str, name: str, views: Sequence[str]) -> None:
        """Make the database ``path``, which nobody changes, readable as ``name``, and these temporary views over both.
        `Unavailable` when it is none; then nothing is attached."""
        quoted = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
        try:
            self._connection.execute("PRAGMA temp_store=MEMORY")
            self._connection.execute(f"ATTACH DATABASE ? AS {name}", (f"file:{quoted}?mode=ro&immutable=1",))
            try:
                self._connection.execute(f"SELECT count(*) FROM {name}.sqlite_master")
            except self._sqlite.Error:
                self._connection.execute(f"DETACH DATABASE {name}")
                raise
            for view in views:
                self._connection.execute(view)
        except self._sqlite.Error as error:
            raise self._translated(error) from error

    def detach(self, name: str, views: Sequence[str]) -> None:
        """Forget what was attached, and its views."""
        for view in views:
            self._connection.execute(f"DROP VIEW IF EXISTS temp.{view}")
        self._connection.execute(f"DETACH DATABASE {name}")

    def write(self, *, durable: bool) -> _Transaction:
        """A transaction that holds the write lock from its start. Nests: the outermost commits."""
        return _Transaction(self, durable)

    def free(self, change: Callable[[Database], object], *, durable: bool) -> None:
        """A `write` that makes room (rm, rmi, prune) or notes that a container ended. ``change`` may be called again.

        On a full disk the log is written over from its beginning, in blocks that it has, or else the reserve goes."""
        for make_room in (self._rewind_log, self.give_up_reserve, None):
            try:
                with self.write(durable=durable):
                    change(self)
                break
            except OutOfSpace:
                if self._depth or make_room is None or not make_room():
                    raise
        self.keep_reserve()

    def _rewind_log(self) -> bool:
        """Copy the write-ahead log into the database, so that the next write begins the log's file anew."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        except self._sqlite.Error:
            pass  # no room for that either: the reserve is next
        return True

    def keep_reserve(self) -> None:
        """Set some room aside while there is any; what is there already is kept."""
        if os.path.exists(self._reserve):
            return
        try:
            os.makedirs(self._spares, mode=0o700, exist_ok=True)
            for number in range(_SPARE_INODES):
                os.close(os.open(f"{self._spares}/{number}", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError:
            return
        try:
            fd = os.open(self._reserve, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError:
            return  # another was faster, or there is no room: then the next removal tries
        try:
            os.posix_fallocate(fd, 0, _RESERVE_BYTES)
        except OSError:
            os.unlink(self._reserve)
        finally:
            os.close(fd)

    def give_up_reserve(self) -> bool:
        """Free a block range and some inodes for what removes things; whether there was a reserve."""
        freed = False
        for path in (self._reserve, *(f"{self._spares}/{number}" for number in range(_SPARE_INODES))):
            try:
                os.unlink(path)
                freed = True
            except OSError:
                continue  # it could not be made again
        return freed

    def close(self) -> None:
        """Close; hot commands leave by ``_exit`` instead and skip the checkpoint."""
        self._connection.close()


class _Transaction:
    __slots__ = ("_db", "_durable")

    def __init__(self, db: Database, durable: bool) -> None:
        self._db = db
        self._durable = durable

    def __enter__(self) -> Database:
        db = self._db
        if db._depth == 0:
            try:
                db._connection.execute("PRAGMA synchronous=" + ("FULL" if self._durable else "NORMAL"))
                db._connection.execute("BEGIN IMMEDIATE")
            except db._sqlite.Error as error:
                raise db._translated(error) from error
        db._depth += 1
        return db

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        db = self._db
        db._depth -= 1
        if db._depth:
            return
        try:
            db._connection.execute("ROLLBACK" if kind else "COMMIT")
        except db._sqlite.Error as failure:
            if kind is None:
                if db._connection.in_transaction:
                    db._connection.execute("ROLLBACK")
                raise db._translated(failure) from failure
