"""``skerry export``: a container's root file system as a tar, without its volumes."""

from __future__ import annotations

import errno
import os

from skerry.engine.containers.mounts import Mounted
from skerry.errors import OutOfSpace, SkerryError, Unavailable
from skerry.store.layer_snapshot import write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def export(engine: Engine, name: str, target: str | int) -> None:
    """Write the tar to a file (that is removed when it cannot be finished) or to an open descriptor.

    BrokenPipeError when the descriptor's reader has seen enough."""
    record, _state = engine.containers.find(name)
    if isinstance(target, int):
        fd = os.dup(target)
    else:
        try:
            fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(f'creating file "{target}": {(error.strerror or "").lower()}') from error
    try:
        with Mounted(engine, record) as root:
            _write(root, fd)
    except BaseException:
        if isinstance(target, str) and os.path.isfile(target):
            os.unlink(target)
        raise
    finally:
        os.close(fd)
    engine.events.emit_container("export", record)


def _write(root: str, fd: int) -> None:
    try:
        write_tree(root, fd)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _translated(error) from error


def _translated(error: OSError) -> SkerryError:
    kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"cannot export the container: {error.strerror}" + (f": {error.filename}" if error.filename else ""))
