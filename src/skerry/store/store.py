"""One root: where things are, and the open database."""

from __future__ import annotations

import errno
import os

from skerry.errors import Denied, OutOfSpace, Unavailable
from skerry.store.locks import Lock
from skerry.store.staging import Staging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.database import Database

_FOLDERS = ("blobs/sha256", "layers", "containers", "volumes", "staging", "locks")


class Store:
    """The persistent half (``root``) and the half that a reboot empties (``runroot``) of one store.

    root/skerry.db  blobs/sha256/HEX  layers/HEX/{diff,…}  containers/ID/…  volumes/NAME/_data  staging/  locks/
    runroot/containers/ID/…
    """

    def __init__(self, root: str, runroot: str, *, rootless: bool = False) -> None:
        self.root = root
        self.runroot = runroot
        self.rootless = rootless
        self._db: Database | None = None

    @property
    def db(self) -> Database:
        """The state database, opened (and the root's folders made) at first use."""
        if self._db is None:
            from skerry.store.database import Database

            path = self.path("skerry.db")
            if not os.path.exists(path):
                self._create()
            self._db = Database(path)
        return self._db

    def _create(self) -> None:
        try:
            for name in _FOLDERS:
                os.makedirs(self.path(name), mode=0o700, exist_ok=True)
            # Containers as other users (user namespaces) must reach their root below these.
            for name in ("", "layers", "containers", "volumes"):
                os.chmod(self.path(name), 0o711)
        except PermissionError as error:
            raise Denied(f"cannot create the store at {self.root}: {error.strerror}") from error
        except OSError as error:
            kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
            raise kind(f"cannot create the store at {self.root}: {error.strerror}") from error

    def path(self, *names: str) -> str:
        """A path under ``root``."""
        return os.path.join(self.root, *names)

    def run_path(self, *names: str) -> str:
        """A path under ``runroot``."""
        return os.path.join(self.runroot, *names)

    def lock(
        self, kind: str, name: str, *, shared: bool = False, blocking: bool = True, reserve: bool = False
    ) -> Lock:
        """The lock of one object (kind: pod, container, network, image, layer, volume). ``reserve``: see `file_lock`."""
        path = self.path("locks", f"{kind}-{name.replace('/', '-')}")
        return self.file_lock(path, shared=shared, blocking=blocking, reserve=reserve)

    def file_lock(
        self, path: str, *, shared: bool = False, blocking: bool = True, reserve: bool = True
    ) -> Lock:
        """A lock on a file below the root. ``reserve`` (for what stops or removes things): where no file can be made
        any more the reserve gives its inode."""
        try:
            return Lock(path, shared=shared, blocking=blocking)
        except OutOfSpace:
            if not reserve or not self.db.give_up_reserve():
                raise
            return Lock(path, shared=shared, blocking=blocking)

    def staging(self) -> Staging:
        """A locked folder on the root's file system to build things in."""
        return Staging(self.path("staging"))
