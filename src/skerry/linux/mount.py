"""mount(2) and its newer relatives: fsopen, fsconfig, fsmount, move_mount."""

from __future__ import annotations

import os

from skerry.linux.libc import call, syscall

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_MOVE, MS_REC = 32, 4096, 8192, 16384
MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED = 1 << 17, 1 << 18, 1 << 19, 1 << 20
MNT_FORCE, MNT_DETACH, UMOUNT_NOFOLLOW = 1, 2, 8

FSCONFIG_SET_FLAG, FSCONFIG_SET_STRING, FSCONFIG_CMD_CREATE = 0, 1, 6
FSOPEN_CLOEXEC = FSMOUNT_CLOEXEC = 1
MOVE_MOUNT_F_EMPTY_PATH = 4
AT_FDCWD = -100
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8


def mount(source: str, target: str, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2). ``data`` is limited to a page by the kernel."""
    call(
        "mount", os.fsencode(source), os.fsencode(target), fstype.encode() or None, flags, os.fsencode(data) or None,
        about=target,
    )  # fmt: skip


def umount(target: str, flags: int = UMOUNT_NOFOLLOW) -> None:
    """umount2(2)."""
    call("umount2", os.fsencode(target), flags, about=target)


def fsopen(fstype: str) -> int:
    """fsopen(2): a descriptor to configure a new file system with. ENOSYS before Linux 5.2."""
    return syscall("fsopen", fstype.encode(), FSOPEN_CLOEXEC, about=fstype)


def fsconfig_string(fs: int, key: str, value: str) -> None:
    """fsconfig(2), FSCONFIG_SET_STRING."""
    syscall("fsconfig", fs, FSCONFIG_SET_STRING, key.encode(), os.fsencode(value), 0, about=f"{key}={value}")


def fsconfig_flag(fs: int, key: str) -> None:
    """fsconfig(2), FSCONFIG_SET_FLAG."""
    syscall("fsconfig", fs, FSCONFIG_SET_FLAG, key.encode(), None, 0, about=key)


def fsconfig_create(fs: int) -> None:
    """fsconfig(2), FSCONFIG_CMD_CREATE."""
    syscall("fsconfig", fs, FSCONFIG_CMD_CREATE, None, None, 0)


def fsmount(fs: int, attributes: int = 0) -> int:
    """fsmount(2): a detached mount's descriptor."""
    return syscall("fsmount", fs, FSMOUNT_CLOEXEC, attributes)


def move_mount(mount_fd: int, target: str) -> None:
    """move_mount(2): attach a detached mount at ``target``."""
    syscall(
        "move_mount", mount_fd, b"", AT_FDCWD & 0xFFFFFFFF, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH, about=target
    )


def make_read_only(target: str) -> None:
    """mount_setattr(2): nobody writes through the mount at ``target`` any more. ENOSYS before Linux 5.12."""
    attributes = MOUNT_ATTR_RDONLY.to_bytes(8, "little") + bytes(24)
    syscall("mount_setattr", AT_FDCWD & 0xFFFFFFFF, os.fsencode(target), 0, attributes, len(attributes), about=target)
