"""``volume create -o o=size=…,inodes=…``: limits of a volume, by the project quotas of the file system that it lies on."""

from __future__ import annotations

import os
from binascii import crc32

from skerry.errors import Unsupported
from skerry.linux import quota
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.volumes.types import Limits

# Of a volumes' folder: above what people and other engines number, and different from other folders' of ours.
_FIRST, _SPREAD, _ROOM = 1 << 24, 1 << 12, 1 << 16


def limit(engine: Engine, folder: str, limits: Limits) -> None:
    """Limit what comes into a volume's folder, in which there is nothing yet. `Unsupported` where that cannot be done.

    Killed half-way it leaves a number that the next try uses again."""
    with engine.store.lock("volume", "quotas"):
        try:
            project = quota.project_of(folder) or _free(os.path.dirname(folder))
            step("volume.quota")
            quota.limit(folder, project, size=limits["size"], inodes=limits["inodes"])
            quota.give_project(folder, project)
        except OSError as error:
            _take_back(folder)
            raise Unsupported(
                "volume options size and inodes not supported. Filesystem does not support Project Quota",
                hint="mount it with prjquota, or -o type=tmpfs -o o=size=…",
            ) from error


def lift(folder: str) -> None:
    """Forget a volume's limits; its files go with it. What cannot be forgotten does no harm: the number is used again."""
    try:
        project = quota.project_of(folder)
        if project:
            quota.limit(folder, project, size=0, inodes=0)
    except OSError:
        return


def _free(top: str) -> int:
    """The number after those of the volumes in a folder."""
    first = _FIRST + crc32(os.fsencode(top)) % _SPREAD * _ROOM
    used = [number for number in map(_number, os.scandir(top)) if first <= number < first + _ROOM]
    return max(used, default=first - 1) + 1


def _number(entry: os.DirEntry[str]) -> int:
    try:
        return quota.project_of(entry.path) if entry.is_dir(follow_symlinks=False) else 0
    except OSError:
        return 0


def _take_back(folder: str) -> None:
    try:
        os.rmdir(folder)
    except OSError:
        pass  # somebody's data is in it
