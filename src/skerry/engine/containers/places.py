"""What a container's root file system must have before the runtime sees it."""

from __future__ import annotations

import os

from skerry.engine.containers.storage import owner_outside, translated
from skerry.errors import NotFound
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord
    from skerry.runtime.users import ResolvedUser


def ensure_mtab(record: ContainerRecord, rootfs: str, user: ResolvedUser) -> None:
    """Make /etc/mtab a link to /proc/mounts where the image has none, or mount(8) and df(1) fail. A root file system
    of the user's own is left as it is."""
    if "rootfs" in record["config"]:
        return
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        folder = openat2(root, "/etc", os.O_PATH | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)
    except OSError:
        return  # no /etc: the runtime makes it for what it mounts there, and says what hinders it
    finally:
        os.close(root)
    try:
        _by_its_root(record, user, lambda: os.symlink("/proc/mounts", "mtab", dir_fd=folder))
    except FileExistsError:
        pass
    except OSError as error:
        raise translated(error, "cannot make /etc/mtab in the container") from error
    finally:
        os.close(folder)


def _by_its_root(record: ContainerRecord, user: ResolvedUser, make: Callable[[], None]) -> None:
    """Where a container has ids of its own, only who has one of them can make files in it (or EOVERFLOW)."""
    if not record["config"].get("uid_maps"):
        make()
        return
    from skerry.linux.idmap import FilesMadeAs

    owner = owner_outside(record["config"], {**user, "uid": 0, "gid": 0})
    with FilesMadeAs(owner["uid"], owner["gid"]):
        make()


def ensure_working_directory(record: ContainerRecord, rootfs: str, user: ResolvedUser) -> None:
    """Make the working directory that the image names, as Podman does; one that the user names must exist.

    One inside a mount is the mount's affair; one that a mount is inside of is made with the mount's place."""
    path = record["config"]["cwd"]
    places = [mount["destination"] for mount in record["config"]["mounts"]]
    if path == "/" or any(_inside(path, place) or _inside(place, path) for place in places):
        return
    root = os.open(rootfs, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not record.get("workdir_given"):
            _by_its_root(record, user, lambda: _make_beneath(root, path, user))
        else:
            os.close(openat2(root, path, os.O_PATH | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS))
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(f'workdir "{path}" does not exist on container {record["id"]}') from None
    except OSError as error:
        raise translated(error, f'cannot make the working directory "{path}" in the container') from error
    finally:
        os.close(root)


def _inside(path: str, mount: str) -> bool:
    return path == mount or path.startswith(mount.rstrip("/") + "/")


def _make_beneath(root: int, path: str, user: ResolvedUser) -> None:
    """mkdir -p of ``path`` in the tree of ``root`` without leaving it through links."""
    parent = os.dup(root)
    reached = ""
    try:
        for name in filter(None, path.split("/")):
            reached += "/" + name
            try:
                child = openat2(
                    root, reached, os.O_PATH | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                )
            except FileNotFoundError:
                os.mkdir(name, 0o755, dir_fd=parent)
                os.chown(name, user["uid"], user["gid"], dir_fd=parent, follow_symlinks=False)
                child = openat2(
                    root, reached, os.O_PATH | os.O_DIRECTORY, resolve=RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
                )
            os.close(parent)
            parent = child
    finally:
        os.close(parent)
