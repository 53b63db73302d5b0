"""Writing the small files of a container's run folder."""

from __future__ import annotations

import errno
import os

from skerry.errors import OutOfSpace, Unavailable


def write(path: str, data: bytes, mode: int = 0o600) -> None:
    """Write a file whole, with exactly this mode. `OutOfSpace`, `Unavailable`."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(fd, "wb", buffering=0) as file:
            os.fchmod(fd, mode)
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"cannot write {path}: {error.strerror}") from error
