"""Filling a new volume with what the image has at its place."""

from __future__ import annotations

import errno
import os

from skerry import fastjson
from skerry.engine.volumes.find import get
from skerry.errors import Unavailable
from skerry.linux.beneath import open_in_root
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord
    from skerry.runtime.users import ResolvedUser

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def fill(
    engine: Engine, volume: VolumeRecord, path: str, rootfs: str, destination: str, user: ResolvedUser, *, copy: bool
) -> None:
    """Copy the image's folder into the empty volume at ``path`` (``copy``) and take over its owner, mode and times.

    Under the volume's lock and marked as done afterwards: killed half-way, the next start copies again."""
    with engine.store.lock("volume", volume["name"]):
        current = get(engine, volume["name"])
        if current is None or not current["needs_copy_up"]:
            return
        marker = f"{engine.settings.volume_path}/{volume['name']}/.copying"
        copy = copy and "nocopy" not in current["options"]
        needs_chown = current.get("needs_chown", True)
        empty = not os.listdir(path) or os.path.exists(marker)
        # What was imported has the files, but not yet the folder that its first user expects around them.
        fresh = empty or current.pop("imported", False)
        if fresh:
            step("volume.copy-up")
            copy = copy and empty
            if copy and volume["mountpoint"]:
                open(marker, "wb").close()
            chown = needs_chown and current["driver"] == "local"
            roots = _copy(volume["name"], path, rootfs, destination, user, copy=copy, chown=chown)
            if os.path.exists(marker):
                os.unlink(marker)
            needs_chown = needs_chown and not roots
        step("volume.filled")
        filled = not empty or bool(os.listdir(path))
        taken = _note_owner(current, path) if fresh and current.get("needs_chown", True) else False
        if not taken and (not filled, needs_chown and not filled) == (True, current.get("needs_chown", True)):
            return  # still empty, and for the next user to take: nothing to write
        current["needs_copy_up"], current["needs_chown"] = not filled, needs_chown and not filled
        with engine.store.db.write(durable=False) as db:
            db.execute("UPDATE volumes SET doc = ? WHERE name = ?", fastjson.dumps(current), volume["name"])


def _note_owner(volume: VolumeRecord, path: str) -> bool:
    """Whose it is now, for inspect; whether that is news."""
    status = os.stat(path)
    known = volume.get("uid", 0), volume.get("gid", 0)
    volume["uid"], volume["gid"] = status.st_uid, status.st_gid
    return known != (status.st_uid, status.st_gid)


def _give(folder: int, uid: int, gid: int) -> None:
    try:
        os.fchown(folder, uid, gid)
    except OSError as error:
        # An idmapped mount whose ranges do not have that owner: it stays whose it is, as with Podman.
        if error.errno != errno.EOVERFLOW:
            raise


def _copy(name: str, path: str, rootfs: str, destination: str, user: ResolvedUser, *, copy: bool, chown: bool) -> bool:
    """Whether the image has the folder, and gave it to root: then it is root's for good."""
    target = os.open(path, _FOLDER)
    try:
        try:
            source = open_in_root(rootfs, destination, _FOLDER)
        except (FileNotFoundError, NotADirectoryError):
            if chown:
                os.fchown(target, user["uid"], user["gid"])
            return False
        except OSError as error:
            raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
        try:
            status = os.fstat(source)
            if copy and os.listdir(source):
                from skerry.engine.volumes.copy_tree import copy_tree

                copy_tree(source, target, what=f"filling volume {name}")
            if chown:
                _give(target, status.st_uid, status.st_gid)
                os.fchmod(target, status.st_mode & 0o7777)
                os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
            return (status.st_uid, status.st_gid) == (0, 0)
        finally:
            os.close(source)
    finally:
        os.close(target)
