"""Folders of leases (see `leases`) of network namespaces that are gone: nobody would come to them again.

Whether a namespace still is, its inode tells: of a process that is in it, or of a place where it is mounted. A folder
in which a container has a lease stays in any case, and one that somebody is working in: so of a namespace that is there
but cannot be seen, nothing goes but which address comes next.
"""

from __future__ import annotations

import fcntl
import os

BOOT = "/proc/sys/kernel/random/boot_id"


def sweep(host_dir: str, own: str) -> None:
    """Remove what can be told to be of no use any more, but not ``own``, whose namespace a thread alone may be in. Never
    an error: who comes next tries again."""
    try:
        alive = _living()
        with open(BOOT, encoding="ascii") as file:
            boot = file.read(8)
        for name in os.listdir(host_dir):
            inode, _, rest = name.partition("-")
            if name == own or "." in name or not inode.isdigit() or (rest.endswith(f"-{boot}") and int(inode) in alive):
                continue  # one that is being made, or in use
            _remove(f"{host_dir}/{name}", of_this_boot=rest.endswith(f"-{boot}"))
    except OSError:
        pass


def _living() -> set[int]:
    """Inodes of the network namespaces that processes are in or that are mounted somewhere."""
    found = set()
    for pid in os.listdir("/proc"):
        if pid.isdigit():
            try:
                found.add(os.stat(f"/proc/{pid}/ns/net").st_ino)
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it has ended, or is not for us to see
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            root = line.split(b" ", 4)[3]
            if root.startswith(b"net:["):
                found.add(int(root[5:-1]))
    return found


def _remove(folder: str, *, of_this_boot: bool) -> None:
    try:
        lock = os.open(folder + "/lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return  # another command was faster
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if of_this_boot and os.listdir(folder + "/leases"):
            return
        trash = f"{folder}.{os.getpid()}.gone"
        os.rename(folder, trash)
    except BlockingIOError:
        return
    finally:
        os.close(lock)
    remove_tree(trash)


def remove_tree(folder: str) -> None:
    """What such a folder has: files, and folders of files."""
    for top, folders, files in os.walk(folder, topdown=False):
        for name in files:
            os.unlink(f"{top}/{name}")
        for name in folders:
            os.rmdir(f"{top}/{name}")
    os.rmdir(folder)
