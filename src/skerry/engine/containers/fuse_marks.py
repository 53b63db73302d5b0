"""fuse-overlayfs's own marks in a container's upper folder, made into those of overlayfs, which it reads as well.

A folder that it makes has an attribute of another name and up to two marker files: a kernel's mount of the same folders
would show what is hidden, and a layer may have no such names.
"""

from __future__ import annotations

import errno
import os
import stat

from skerry.engine.containers import state as states
from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

_FLAG = "fuse"  # a file beside the upper folder: fuse-overlayfs had it
_ATTRIBUTE = "user.fuseoverlayfs.opaque"
_OPAQUE = "user.overlay.opaque"
_MARKER, _WHITED = ".wh..wh..opq", ".wh..opq"


def expect(engine: Engine, container_id: str) -> None:
    """Note that fuse-overlayfs is about to use the container's upper folder."""
    path = states.folder(engine, container_id, _FLAG)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))


def translate(engine: Engine, container_id: str) -> None:
    """Before anything but fuse-overlayfs reads the upper folder, also while the container runs. Free for containers that
    it never had."""
    upper = states.folder(engine, container_id, "upper")
    if not os.path.exists(states.folder(engine, container_id, _FLAG)) or not os.path.isdir(upper):
        return
    try:
        translate_tree(upper)
    except OSError as error:
        raise Unavailable(f"cannot read what the container changed: {error.strerror}") from error


def translate_tree(upper: str) -> None:
    """As `translate`, of an upper folder that fuse-overlayfs had. OSError."""
    for _path, _folders, _files, fd in os.fwalk(upper, follow_symlinks=False):
        _translate_folder(fd)


def _translate_folder(fd: int) -> None:
    try:
        opaque = os.getxattr(fd, _ATTRIBUTE)
    except OSError as error:
        if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
            raise
        return
    os.setxattr(fd, _OPAQUE, opaque)
    for name in (_MARKER, _WHITED):
        try:
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if name == _MARKER or (stat.S_ISCHR(status.st_mode) and not status.st_rdev):
                os.unlink(name, dir_fd=fd)
        except FileNotFoundError:
            continue
    os.removexattr(fd, _ATTRIBUTE)
