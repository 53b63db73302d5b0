"""Single files of a build context, which comes from strangers: whatever a link says, nothing outside of it is read."""

from __future__ import annotations

import errno
import os
import stat

from skerry.errors import Invalid, NotFound
from skerry.linux.beneath import open_in_root


def read_file(folder: str, path: str, limit: int) -> bytes:
    """A regular file below ``folder``, links followed as if the folder were the root. `NotFound`; `Invalid` for what
    is no file, or longer than ``limit`` bytes."""
    try:
        # A fifo would wait for a writer.
        fd = open_in_root(folder, path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file or directory") from None
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
            raise NotFound(f"{path}: {os.strerror(error.errno)}") from None
        raise Invalid(f"open {path}: {os.strerror(error.errno or 0)}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):  # before Python looks: it refuses folders in its own way
        os.close(fd)
        raise Invalid(f"{path} is not a file")
    with open(fd, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Invalid(f"{path} is larger than {limit >> 20} MiB")
    return data


def folder_in(folder: str, path: str) -> str:
    """The real path of a folder below ``folder``, links followed as if that were the root. `NotFound`, `Invalid`."""
    try:
        fd = open_in_root(folder, path, os.O_PATH | os.O_DIRECTORY)
    except NotADirectoryError:
        raise Invalid(f"{path} is not a folder") from None
    except FileNotFoundError:
        raise NotFound(f"{path}: no such file or directory") from None
    except OSError as error:
        raise Invalid(f"open {path}: {os.strerror(error.errno or 0)}") from None
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    finally:
        os.close(fd)
