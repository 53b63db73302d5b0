"""``volume export`` and ``volume import``: a volume's files as a tar.

Containers may have the volume and change it meanwhile: nothing that they put in the way leads out of it.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, BinaryIO

from skerry import fastjson
from skerry.engine.builds.place import Metadata, Placer
from skerry.engine.builds.unpack import archive_kind, unpack
from skerry.engine.volumes.find import find, get
from skerry.engine.volumes.mounting import Held
from skerry.errors import Corrupt, Invalid, NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.image.beside import Beside
from skerry.store.layer_snapshot import write_tree
from skerry.store.steps import step

if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def export(engine: Engine, name: str, target: str | int) -> None:
    """Write the tar to a file (that appears when it is whole) or to an open descriptor.

    BrokenPipeError when the descriptor's reader has seen enough."""
    record = find(engine, name)
    with Held(engine, record["name"]) as path:
        try:
            # By descriptor: the folder that was there is written, whatever its name leads to meanwhile.
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                _write(f"/proc/self/fd/{fd}", target)
            finally:
                os.close(fd)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _translated(error, f"exporting volume {name}") from error


def _write(tree: str, target: str | int) -> None:
    if isinstance(target, int):
        write_tree(tree, target)
        return
    try:
        with Beside(target) as file:
            write_tree(tree, file.fileno())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _translated(error, f"unable to create tar {target} file") from error


def _translated(error: OSError, what: str) -> SkerryError:
    kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"{what}: {(error.strerror or str(error)).lower()}")


def import_tar(engine: Engine, name: str, source: str | BinaryIO) -> None:
    """Unpack a tar, plain or compressed, over what is in the volume. `Invalid` or `Corrupt` for what is none.

    What was unpacked before an error stays."""
    if isinstance(source, str):
        with _opened(source) as file:
            _import(engine, name, file.fileno())
        return
    find(engine, name)
    with engine.store.staging() as staging, open(f"{staging.path}/archive", "w+b") as file:
        while chunk := source.read(1 << 20):
            file.write(chunk)
        file.flush()
        file.seek(0)
        _import(engine, name, file.fileno())


def _opened(path: str) -> BinaryIO:
    if ":" in path:
        raise Invalid(f"invalid filename (should not contain ':') \"{path}\"")
    try:
        return open(path, "rb")
    except OSError as error:
        kind = NotFound if error.errno == errno.ENOENT else Unavailable
        raise kind(f"unable open input file: open {path}: {(error.strerror or '').lower()}") from None


def _import(engine: Engine, name: str, fd: int) -> None:
    record = find(engine, name)
    if not _is_archive(fd):
        raise Invalid(f"extracting into volume {record['name']}: not a tar archive, plain or compressed")
    with Held(engine, record["name"]) as path, Placer(path, new_folders=Metadata(0o755, 0, 0, 0)) as placer:
        step("volume.import")
        try:
            # Links, those of the volume as well, lead where they would with the volume as /.
            unpack(placer, fd, "/", owner=None, devices=True)
            placer.finish()
        except (Corrupt, Invalid) as error:
            raise type(error)(f"extracting into volume {record['name']}: {error.message}") from error
    _note_import(engine, record["name"])


def _note_import(engine: Engine, name: str) -> None:
    with engine.store.lock("volume", name):
        record = get(engine, name)
        if record is None or not record["needs_copy_up"] or not record.get("needs_chown", True):
            return  # in use before: it is whose it is
        record["imported"] = True
        with engine.store.db.write(durable=True) as db:
            db.execute("UPDATE volumes SET doc = ? WHERE name = ?", fastjson.dumps(record), name)


def _is_archive(fd: int) -> bool:
    """Also an archive of nothing: two empty blocks."""
    start = os.pread(fd, 1024, 0)
    return bool(archive_kind(fd)) or (len(start) == 1024 and not start.strip(b"\0"))
