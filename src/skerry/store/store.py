"""One root: where things are, and the open database."""

from __future__ import annotations

import errno
import os

from skerry.errors import Denied, OutOfSpace, SkerryError, Unavailable
from skerry.store.locks import Lock
from skerry.store.staging import Staging, sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.store.additional import Elsewhere
    from skerry.store.database import Database

_FOLDERS = ("blobs/sha256", "layers", "containers", "volumes", "staging", "locks")


class Store:
    """The persistent half (``root``) and the half that a reboot empties (``runroot``) of one store.

    root/skerry.db  blobs/sha256/HEX  layers/HEX/{diff,…}  containers/ID/…  volumes/NAME/_data  staging/  locks/
    runroot/containers/ID/…
    """

    def __init__(
        self, root: str, runroot: str, *, rootless: bool = False, attach: Callable[[Store], None] | None = None
    ) -> None:
        """``attach``: called once the database is open, to add what other stores have (see `additional`)."""
        self.root = root
        self.runroot = runroot
        self.rootless = rootless
        self._swept = False
        self.elsewhere: Elsewhere | None = None
        self._attach = attach
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
            if self._attach is not None:
                self._attach(self)
        return self._db

    def _create(self) -> None:
        try:
            for name in _FOLDERS:
                os.makedirs(self.path(name), mode=0o700, exist_ok=True)
            # A step of a build in a user namespace must reach its root below it; nobody else of this host gets at what
            # containers made, set-user-id programs among it (CVE-2021-41091).
            os.chmod(self.root, 0o711)
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

    def lock(self, kind: str, name: str, *, blocking: bool = True, fleeting: bool = False) -> Lock:
        """The lock of one object (kind: pod, container, network, image, layer, volume).

        ``fleeting`` (for what stops, removes or mends) leaves no file behind, and is had on a full disk too."""
        path = self.path("locks", f"{kind}-{name.replace('/', '-')}")
        return self.fleeting_lock(path, blocking=blocking) if fleeting else Lock(path, blocking=blocking)

    def fleeting_lock(self, path: str, *, blocking: bool = True) -> Lock:
        """A lock whose file goes with it; where no file can be made any more the reserve gives the inode."""
        try:
            return Lock(path, blocking=blocking, fleeting=True)
        except OutOfSpace:
            if not self.db.give_up_reserve():
                raise
            return Lock(path, blocking=blocking, fleeting=True)

    def staging(self) -> Staging:
        """A locked folder on the root's file system to build things in. The first one takes away what killed commands left."""
        if not self._swept:
            self._swept = True
            try:
                sweep(self.path("staging"))
            except (OSError, SkerryError):
                pass  # `system check` tells what is there
        return Staging(self.path("staging"))
