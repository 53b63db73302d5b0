"""Mounting layers with overlayfs: by fsopen(2) and ``lowerdir+``, or with short relative names on older kernels."""

from __future__ import annotations

import errno
import os

from skerry.errors import OutOfSpace, Unavailable
from skerry.linux import mount as m
from skerry.store.layers import layer_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.store.store import Store

# Kernels without the new options: fsopen is Linux 5.2, lowerdir+ 6.7, overlayfs by fsconfig at all 6.5.
_TOO_OLD = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)

# Whatever the kernel's defaults: an upper folder must hold whole files and folders, it may become a layer.
# (With userxattr both are off anyway, and cannot be named.)
_WHOLE = (("redirect_dir", "off"), ("metacopy", "off"))
# The same numbers for fsmount(2) (MOUNT_ATTR_*) and mount(2) (MS_*).
_FEW = 200
_ATTRIBUTES = {"nosuid": 2, "nodev": 4, "noexec": 8}


def mount_overlay(
    store: Store,
    target: str,
    chain_ids: list[str],
    *,
    upper: str | None = None,
    work: str | None = None,
    volatile: bool = False,
    attributes: Sequence[str] = (),
    lowers: list[str] | None = None,
) -> None:
    """Mount the layers (base first) at ``target``; writable if ``upper`` and ``work`` (one file system) are given.

    ``volatile`` skips all syncing of the upper folder: for what is thrown away with the container. ``attributes``:
    nodev, nosuid, noexec. ``lowers``: folders (top first) to mount in the layers' place."""
    flags = 0
    for word in attributes:
        flags |= _ATTRIBUTES[word]
    lowers = lowers or [layer_dir(store, chain_id) for chain_id in reversed(chain_ids)]
    while len(lowers) < (2 if upper is None else 1):
        lowers.append(_empty(store, len(lowers)))
    if work is not None:
        forgive_volatile(work)
    try:
        try:
            _mount_new(target, lowers, upper, work, volatile=volatile, userxattr=store.rootless, flags=flags)
        except OSError as error:
            if error.errno not in _TOO_OLD:
                raise
            _mount_old(target, lowers, upper, work, volatile=volatile, userxattr=store.rootless, flags=flags)
    except OSError as error:
        raise _explained(error, target, lowers) from error


def _empty(store: Store, number: int) -> str:
    """An empty layer: overlayfs wants a lower one, and two (not the same twice) where there is no upper one."""
    path = store.path("layers", f"empty-{number}")
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        pass
    except OSError as error:
        raise Unavailable(f"cannot create {path}: {error.strerror}") from error
    return path


def forgive_volatile(work: str) -> None:
    """After a volatile mount the kernel refuses the folders; what was lost, was lost with the machine's crash."""
    mark = work + "/work/incompat/volatile"
    for remove, path in ((os.unlink, mark + "/dirty"), (os.rmdir, mark)):
        try:
            remove(path)
        except OSError:
            continue  # the usual case: it was not volatile


def _mount_new(
    target: str, lowers: list[str], upper: str | None, work: str | None, *, volatile: bool, userxattr: bool, flags: int
) -> None:
    fs = m.fsopen("overlay")
    mounted = -1
    try:
        m.fsconfig_string(fs, "source", "overlay")
        for lower in lowers:
            m.fsconfig_string(fs, "lowerdir+", lower)
        if upper is not None and work is not None:
            m.fsconfig_string(fs, "upperdir", upper)
            m.fsconfig_string(fs, "workdir", work)
            if volatile:
                m.fsconfig_flag(fs, "volatile")
        if userxattr:
            m.fsconfig_flag(fs, "userxattr")
        else:
            for key, value in _WHOLE:
                m.fsconfig_string(fs, key, value)
        m.fsconfig_create(fs)
        mounted = m.fsmount(fs, flags | (0 if upper is not None else m.MOUNT_ATTR_RDONLY))
        m.move_mount(mounted, target)
    finally:
        os.close(fs)
        if mounted >= 0:
            os.close(mounted)


def _mount_old(
    target: str, lowers: list[str], upper: str | None, work: str | None, *, volatile: bool, userxattr: bool, flags: int
) -> None:
    """mount(2), whose options must fit one page and where colons and commas in paths need escapes: so the folders
    go by their descriptors' numbers in /proc/self/fd; 127 layers take 2,300 bytes. Only more than 200 are named relative
    to the working directory, which all threads have together."""
    target = os.path.abspath(target)
    here = os.open(".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    fds: list[int] = []
    try:
        for path in [*lowers, *([upper, work] if upper and work else [])]:
            fds.append(os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))
        near = "" if len(fds) > _FEW else "/proc/self/fd/"
        options = ["lowerdir=" + ":".join(f"{near}{fd}" for fd in fds[: len(lowers)])]
        if upper and work:
            options += [f"upperdir={near}{fds[-2]}", f"workdir={near}{fds[-1]}"]
            if volatile:
                options.append("volatile")
        options += ["userxattr"] if userxattr else [f"{key}={value}" for key, value in _WHOLE]
        if not near:
            os.chdir("/proc/self/fd")
        m.mount("overlay", target, "overlay", flags | (0 if upper else m.MS_RDONLY), ",".join(options))
    finally:
        if len(fds) > _FEW:
            os.fchdir(here)
        for fd in [here, *fds]:
            os.close(fd)


def umount(target: str) -> None:
    """Unmount; absent or not mounted is fine. What is still looking into it keeps it until that ends."""
    try:
        m.umount(target)
    except OSError as error:
        if error.errno == errno.EBUSY:
            m.umount(target, m.MNT_DETACH | m.UMOUNT_NOFOLLOW)
        elif error.errno not in (errno.ENOENT, errno.EINVAL):
            raise Unavailable(f"cannot unmount {target}: {os.strerror(error.errno or 0)}") from error


def _explained(error: OSError, target: str, lowers: list[str]) -> Unavailable | OutOfSpace:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutOfSpace(f"cannot mount the layers at {target}: {os.strerror(error.errno)}")
    for lower in lowers:
        if not os.path.isdir(lower):
            return Unavailable(f"the layer at {lower} is gone", hint="skerry system check --repair")
    hint = "the upper folder cannot be on overlayfs itself" if error.errno == errno.EINVAL else ""
    return Unavailable(f"cannot mount the layers at {target}: {os.strerror(error.errno or 0)}", hint=hint)
