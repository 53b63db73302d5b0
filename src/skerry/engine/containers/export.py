"""``skerry export``: a container's root file system as a tar, without its volumes."""

from __future__ import annotations

import errno

from skerry.engine.containers.mounts import Mounted
from skerry.errors import OutOfSpace, SkerryError, Unavailable
from skerry.image.beside import Beside
from skerry.store.layer_snapshot import write_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def export(engine: Engine, name: str, target: str | int) -> None:
    """Write the tar to a file (that appears when it is whole) or to an open descriptor.

    BrokenPipeError when the descriptor's reader has seen enough."""
    record, _state = engine.containers.find(name)
    with Mounted(engine, record) as root:
        if isinstance(target, int):
            _write(root, target)
        else:
            _to_file(root, target)
    engine.events.emit_container("export", record)


def _to_file(root: str, path: str) -> None:
    try:
        with Beside(path) as file:
            _write(root, file.fileno())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Unavailable(f"open {path}: {(error.strerror or '').lower()}") from error


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
