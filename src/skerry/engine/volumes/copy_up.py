"""Filling a new volume with what the image has at its place."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.volumes.find import get
from skerry.errors import OutOfSpace, Unavailable
from skerry.linux.beneath import open_in_root
from skerry.linux.spawn import run
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import VolumeRecord
    from skerry.runtime.users import ResolvedUser


def fill(
    engine: Engine, volume: VolumeRecord, rootfs: str, destination: str, user: ResolvedUser, *, copy: bool
) -> None:
    """Copy the image's folder into the empty volume (``copy``) and take over its owner and mode.

    Under the volume's lock and marked as done afterwards: killed half-way, the next start copies again."""
    with engine.store.lock("volume", volume["name"]):
        current = get(engine, volume["name"])
        if current is None or not current["needs_copy_up"]:
            return
        empty = not os.listdir(volume["mountpoint"]) or os.path.exists(_marker(volume))
        if empty:
            step("volume.copy-up")
            open(_marker(volume), "wb").close()
            _copy(volume, rootfs, destination, user, copy=copy)
            os.unlink(_marker(volume))
        step("volume.filled")
        filled = not empty or bool(os.listdir(volume["mountpoint"]))
        if current["needs_copy_up"] != filled and not current.get("needs_chown", True):
            return  # still empty, as it was: nothing to write
        current["needs_copy_up"], current["needs_chown"] = not filled, False
        with engine.store.db.write(durable=False) as db:
            db.execute("UPDATE volumes SET doc = ? WHERE name = ?", fastjson.dumps(current), volume["name"])


def _marker(volume: VolumeRecord) -> str:
    return os.path.join(os.path.dirname(volume["mountpoint"]), ".copying")


def _copy(volume: VolumeRecord, rootfs: str, destination: str, user: ResolvedUser, *, copy: bool) -> None:
    try:
        source = open_in_root(rootfs, destination, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        os.chown(volume["mountpoint"], user["uid"], user["gid"])
        return
    except OSError as error:
        raise Unavailable(f"cannot look into {destination} of the container: {error.strerror}") from error
    try:
        status = os.fstat(source)
        if copy:
            # cp never follows links inside the tree; the tree itself is named by descriptor, not by path.
            done = run(["/bin/cp", "-a", "--", f"/proc/self/fd/{source}/.", volume["mountpoint"]], pass_fds=[source])
            if done.code:
                text = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
                raise (OutOfSpace if "No space" in text else Unavailable)(f"filling volume {volume['name']}: {text}")
        os.chown(volume["mountpoint"], status.st_uid, status.st_gid)
        os.chmod(volume["mountpoint"], status.st_mode & 0o7777)
    finally:
        os.close(source)
