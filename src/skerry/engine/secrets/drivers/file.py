"""The ``file`` driver: a file per secret that only its owner can read."""

from __future__ import annotations

import errno
import os

from skerry.errors import Invalid, NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.files import fsync_folder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class FileDriver:
    """``options``: path, the folder."""

    def __init__(self, options: Mapping[str, str]) -> None:
        path = options.get("path")
        if not path:
            raise Invalid("need path for filedriver: invalid driver option")
        self.folder = os.path.abspath(path)

    def store(self, secret_id: str, data: bytes) -> None:
        """A file cut short by a crash is no matter: no row names it then."""
        path = os.path.join(self.folder, secret_id)
        try:
            os.makedirs(self.folder, mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with open(fd, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(fd)
            fsync_folder(self.folder)
            fsync_folder(os.path.dirname(self.folder))
        except OSError as error:
            raise _translated(error, path) from None

    def lookup(self, secret_id: str) -> bytes:
        path = os.path.join(self.folder, secret_id)
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise _translated(error, path) from None

    def delete(self, secret_id: str) -> None:
        path = os.path.join(self.folder, secret_id)
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass  # what was to be forgotten is
        except OSError as error:
            raise _translated(error, path) from None


def _translated(error: OSError, path: str) -> SkerryError:
    if error.errno == errno.ENOENT:
        return NotFound(f"{os.path.basename(path)}: no secret data with ID")
    kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"secret data in {path}: {error.strerror}")
