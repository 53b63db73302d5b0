"""Idmapped mounts: the same files, owned by other ids in another place (mount_setattr(2), Linux 5.12; ext4, xfs, btrfs,
tmpfs, and overlayfs on top of them since 5.19). Only who administers the file system's user namespace may make them."""

from __future__ import annotations

import os
import struct

from skerry.linux.libc import call, syscall
from skerry.linux.mount import AT_FDCWD, MS_PRIVATE, move_mount
from skerry.linux.namespaces import CLONE_NEWUSER, unshare
from skerry.linux.waiting_child import WaitingChild

_OPEN_TREE_CLONE = 1
_AT_EMPTY_PATH, _AT_RECURSIVE = 0x1000, 0x8000
_MOUNT_ATTR_IDMAP = 0x100000
_PR_SET_DUMPABLE, _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP = 4, 28, 1 << 2


def user_namespace(uid_map: str, gid_map: str) -> int:
    """A descriptor of a new user namespace with these maps (lines as in /proc/PID/uid_map); no process stays in it."""
    with WaitingChild(lambda: unshare(CLONE_NEWUSER), "new user namespace") as pid:
        for name, text in (("uid_map", uid_map), ("gid_map", gid_map)):
            fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)


def bind(source: str, target: str, namespace: int) -> None:
    """Mount ``source`` at ``target`` with its owners mapped through ``namespace``: id 0 on disk is what 0 means there."""
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_IDMAP, 0, 0, namespace)
    tree = clone_tree(source)
    try:
        syscall("mount_setattr", tree, b"", _AT_EMPTY_PATH, attributes, len(attributes), about=source)
        move_mount(tree, target)
    finally:
        os.close(tree)


def bind_apart(source: str, target: str, namespace: int = -1) -> None:
    """Mount ``source``, with what is mounted below it, at ``target``; with a ``namespace`` through its ids.

    It is private before it is anywhere: where mounts are shared, taking it away takes nothing away from the source."""
    flags = _MOUNT_ATTR_IDMAP if namespace >= 0 else 0
    attributes = struct.pack("=QQQQ", flags, 0, MS_PRIVATE, max(namespace, 0))
    tree = clone_tree(source, recursive=True)
    try:
        syscall("mount_setattr", tree, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, attributes, len(attributes), about=source)
        move_mount(tree, target)
    finally:
        os.close(tree)


def clone_tree(path: str, *, recursive: bool = False) -> int:
    """open_tree(2): a descriptor of a detached copy of the mount at ``path`` (``recursive``: and of those below), to be
    attached by `move_mount`."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | (_AT_RECURSIVE if recursive else 0)
    return syscall("open_tree", AT_FDCWD & 0xFFFFFFFF, os.fsencode(path), flags, about=path)


class FilesMadeAs:
    """``with FilesMadeAs(uid, gid)``: `become_on_files`, and back to our own ids and rules at the end."""

    __slots__ = ("_gid", "_uid")

    def __init__(self, uid: int, gid: int) -> None:
        self._uid, self._gid = uid, gid

    def __enter__(self) -> None:
        become_on_files(self._uid, self._gid)

    def __exit__(self, *_: object) -> None:
        call("setfsuid", os.geteuid())
        call("setfsgid", os.getegid())
        call("prctl", _PR_SET_SECUREBITS, 0, 0, 0, 0)
        # A change of ids takes our files in /proc from us and from our children: a user could write no uid_map then.
        call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)


def become_on_files(uid: int, gid: int) -> None:
    """From here on this thread makes files as ``uid`` and ``gid``, with its capabilities as they are. For good.

    overlayfs works with the rights of who mounted it, and on an idmapped mount nobody makes files who has no id there."""
    call("prctl", _PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0)
    call("setfsgid", gid)
    call("setfsuid", uid)
