"""``--tz`` in an image that has the zones' files: a link to its own, which programs read the zone's name from."""

from __future__ import annotations

import os

from skerry.engine.containers.storage import by_its_root
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.runtime.types import ResolvedUser

_ZONES, _LINK = "usr/share/zoneinfo", "localtime"


def link(record: ContainerRecord, rootfs: str, user: ResolvedUser) -> bool:
    """Make /etc/localtime that link. False where the host's file has to be mounted instead: the image has none, it is
    the user's own root file system, or a mount is in the way."""
    name = record["config"]["tz"]
    if name == "local" or "rootfs" in record["config"] or _covered(record):
        return False
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.close(openat2(root, f"/{_ZONES}/{name}", os.O_PATH, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS))
        etc = openat2(root, "/etc", os.O_PATH | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    except OSError:
        return False
    finally:
        os.close(root)
    try:
        by_its_root(record, user, lambda: _replace(etc, f"../{_ZONES}/{name}"))
    except OSError:
        return False  # a folder of that name, a full disk: a mount may still do
    finally:
        os.close(etc)
    return True


def _covered(record: ContainerRecord) -> bool:
    places = [mount["destination"] for mount in record["config"]["mounts"]]
    return any(
        place == path or path.startswith(place.rstrip("/") + "/")
        for place in places
        for path in (f"/etc/{_LINK}", f"/{_ZONES}/{record['config']['tz']}")
    )


def _replace(folder: int, target: str) -> None:
    try:
        if os.readlink(_LINK, dir_fd=folder) == target:
            return
    except OSError:
        pass  # no link
    try:
        os.unlink(_LINK, dir_fd=folder)
    except FileNotFoundError:
        pass
    os.symlink(target, _LINK, dir_fd=folder)
