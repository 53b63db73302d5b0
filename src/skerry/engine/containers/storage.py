"""A container's root file system and what is mounted into it."""

from __future__ import annotations

import errno
import os

from skerry.engine.containers.state import folder, rootfs_path
from skerry.errors import NotFound, OutOfSpace, SkerryError, Unavailable
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, is_mount_point, openat2
from skerry.linux.mount import MNT_DETACH, MS_BIND, umount
from skerry.linux.mount import mount as attach
from skerry.store.layers import layer_dir
from skerry.store.overlay import mount_overlay
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, MountConfig
    from skerry.runtime.users import ResolvedUser


def mount_rootfs(engine: Engine, record: ContainerRecord, *, as_image: bool = False) -> str:
    """Mount the image's layers and the container's own upper folder; idempotent. Its path.

    ``as_image``: with the owners that the image has, whatever ids the container maps them to."""
    if "rootfs" in record["config"]:
        return record["config"]["rootfs"]
    target = rootfs_path(engine, record)
    if os.path.ismount(target):
        return target
    shown = shown_path(engine, record)
    if os.path.ismount(shown):  # `skerry mount`: a second overlay on the same folders would not see its changes
        try:
            os.makedirs(target, mode=0o755, exist_ok=True)
            attach(shown, target, flags=MS_BIND)
        except OSError as error:
            raise translated(error, "cannot mount the container") from error
        return target
    mount_layers(engine, record, target, as_image=as_image)
    return target


def shown_path(engine: Engine, record: ContainerRecord) -> str:
    """Where ``skerry mount`` shows the root file system."""
    return engine.store.run_path("mounts", record["id"])


def hide(engine: Engine, record: ContainerRecord) -> bool:
    """Take away what ``skerry mount`` shows; whether there was something."""
    shown = shown_path(engine, record)
    if not os.path.lexists(shown):
        return False
    was = os.path.ismount(shown)
    try:
        step("container.hide")
        if was:
            umount(shown, MNT_DETACH)
            step("container.hidden")
        os.rmdir(shown)
    except OSError as error:
        raise translated(error, "cannot unmount the container") from error
    return was


def mount_layers(engine: Engine, record: ContainerRecord, target: str, *, as_image: bool = False) -> None:
    """Mount the image's layers and the container's own upper folder at ``target``. See `mount_rootfs`."""
    if record["config"].get("rootfs_how", "O") != "O":
        _mount_with_ids(record, target)
        return
    upper, work = folder(engine, record["id"], "upper"), folder(engine, record["id"], "work")
    try:
        if not os.path.isdir(upper):
            _make_upper(engine, record, upper)
        for path in (work, target):
            os.makedirs(path, mode=0o755, exist_ok=True)
    except OSError as error:
        if gone := next((path for path in lowers(engine, record) if not os.path.isdir(path)), ""):
            raise Unavailable(
                f"the layer at {gone} is gone",
                hint="it is damaged, or was in an additional image store that removed it or is not configured now",
            ) from None
        raise translated(error, "cannot prepare the container's file system") from error
    if record["config"].get("uid_maps") and not as_image:
        from skerry.engine.containers import mapped

        if mapped.needs_mapping(record["config"]):
            mapped.mount(engine, record, target, upper, work, _attributes(engine))
            return
    if record["config"].get("uid_maps"):
        from skerry.engine.containers import fuse_marks

        fuse_marks.translate(engine, record["id"])
    mount_overlay(
        engine.store, target, record["layers"], upper=upper, work=work, volatile=record["auto_remove"],
        attributes=_attributes(engine), lowers=lowers(engine, record),
    )  # fmt: skip


def lowers(engine: Engine, record: ContainerRecord) -> list[str]:
    """The folders below the container's own, the uppermost first."""
    if "rootfs_lower" in record["config"]:
        return [record["config"]["rootfs_lower"]]
    return [layer_dir(engine.store, chain_id) for chain_id in reversed(record["layers"])]


def _mount_with_ids(record: ContainerRecord, target: str) -> None:
    """--rootfs PATH:idmap: the folder itself, seen through the container's ids or those that are named."""
    from skerry.engine.containers.idmap_option import namespace
    from skerry.linux.idmap import bind_apart

    source = record["config"]["rootfs_lower"]
    fd = namespace(record["config"], record["config"]["rootfs_how"])
    try:
        os.makedirs(target, mode=0o755, exist_ok=True)
        if not is_mount_point(target):
            bind_apart(source, target, fd)
    except OSError as error:
        raise Unavailable(f"idmap: {source} cannot be mounted with other ids: {error.strerror}") from error
    finally:
        if fd >= 0:
            os.close(fd)


def owner_outside(config: ContainerConfig, user: ResolvedUser) -> ResolvedUser:
    """``user`` with the ids that it has out here, where files are given to it."""
    if not config.get("uid_maps"):
        return user
    from skerry.engine.containers import mapped

    uid, gid = mapped.owner_outside(config, user["uid"], user["gid"])
    return {**user, "uid": uid, "gid": gid}


def give_to_container(engine: Engine, record: ContainerRecord, bundle: str, mounts: list[MountConfig]) -> None:
    """Where the container has ids of its own: make its root the owner of the files in ``bundle`` that are mounted, and
    let it reach them and its root file system."""
    if not record["config"].get("uid_maps"):
        return
    from skerry.engine.containers import mapped

    mapped.give(engine, record, bundle, mounts)


def _attributes(engine: Engine) -> list[str]:
    if not engine.settings.storage_opts:
        return []
    from skerry.config.storage_opts import mount_attributes

    return mount_attributes(engine.settings.storage_opts, engine.warn)


def _make_upper(engine: Engine, record: ContainerRecord, upper: str) -> None:
    os.makedirs(os.path.dirname(upper), mode=0o711, exist_ok=True)
    staged = upper + ".new"
    os.makedirs(staged, exist_ok=True)
    below = lowers(engine, record)
    if below:
        # The upper folder's owner and mode are those of / in the container.
        status = os.stat(below[0])
        os.chown(staged, status.st_uid, status.st_gid)
        os.chmod(staged, status.st_mode & 0o7777)
    else:
        os.chmod(staged, 0o755)
    os.rename(staged, upper)


def unmount_rootfs(engine: Engine, record: ContainerRecord) -> None:
    """Undo `mount_rootfs`; idempotent."""
    if "rootfs" in record["config"]:
        return
    target = rootfs_path(engine, record)
    try:
        umount(target)
    except OSError as error:
        if error.errno == 16:  # EBUSY: something looks into it; it goes when that ends
            umount(target, MNT_DETACH)
        elif error.errno not in (2, 22):  # absent, or not mounted
            raise translated(error, "cannot unmount the container") from error


def translated(error: OSError, what: str) -> SkerryError:
    """An error of the file system while ``what`` was done."""
    kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
    return kind(f"{what}: {error.strerror}: {error.filename or ''}")


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
        by_its_root(record, user, lambda: os.symlink("/proc/mounts", "mtab", dir_fd=folder))
    except FileExistsError:
        pass
    except OSError as error:
        raise translated(error, "cannot make /etc/mtab in the container") from error
    finally:
        os.close(folder)


def by_its_root(record: ContainerRecord, user: ResolvedUser, make: Callable[[], None]) -> None:
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
            by_its_root(record, user, lambda: _make_beneath(root, path, user))
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
