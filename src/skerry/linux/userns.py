"""User namespaces: making one with a mount namespace, held by a small sleeping process, and joining it.

A namespace lives as long as a process is in it. `create` leaves one such *holder* behind; later commands join it with
one setns(2) on the holder's pidfd. What is mounted in its mount namespace stays for all of them.
"""

from __future__ import annotations

import errno
import fcntl
import os

from skerry.linux.mount import MS_REC, MS_SLAVE, mount
from skerry.linux.namespaces import CLONE_NEWNS, CLONE_NEWUSER, setns, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NS_GET_USERNS, _NS_GET_OWNER_UID = 0xB701, 0xB704


def join(pid: int) -> None:
    """Move this (single-threaded) process into the user and mount namespaces of ``pid``, keeping its directory.

    ``EPERM`` when they are not ours. The caller knows that ``pid`` is still the process that it means: the pidfd
    that is opened here first holds on to it, so check with `process.is_same` between `open_process` and this."""
    pidfd = open_process(pid)
    try:
        join_process(pidfd, pid)
    finally:
        os.close(pidfd)


def open_process(pid: int) -> int:
    """A pidfd: it means this very process even when the pid is reused. ``ESRCH`` when there is none."""
    return os.pidfd_open(pid)


def join_process(pidfd: int, pid: int) -> None:
    """As `join`, of the process behind ``pidfd`` (``pid`` is for kernels before 5.8, which take no pidfd)."""
    here = _working_directory()
    try:
        setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        _join_by_files(pid)
    # Joining a mount namespace moves the process to its root directory.
    try:
        os.chdir(here)
    except OSError:
        pass  # a directory that only the other namespace has: stay at the root


def _join_by_files(pid: int) -> None:
    fds = []
    try:
        # Both are opened before the first is joined: afterwards /proc/PID may be out of reach.
        for name in ("user", "mnt"):
            fds.append(os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY | os.O_CLOEXEC))
        for fd in fds:
            setns(fd)
    finally:
        for fd in fds:
            os.close(fd)


def _working_directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def owner(pid: int) -> int | None:
    """The uid (as we see it) that made the user namespace of ``pid``; None when it may not be looked at."""
    try:
        fd = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    buffer = bytearray(4)
    try:
        fcntl.ioctl(fd, _NS_GET_OWNER_UID, buffer)
    except OSError:
        return None
    finally:
        os.close(fd)
    return int.from_bytes(buffer, "little")


def owns_mounts() -> bool:
    """Whether this process's mount namespace belongs to its user namespace: else nothing can be mounted in it."""
    try:
        fd = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        try:
            owning = fcntl.ioctl(fd, _NS_GET_USERNS)
        finally:
            os.close(fd)
    except OSError:
        return False
    try:
        return os.fstat(owning).st_ino == os.stat("/proc/self/ns/user").st_ino
    finally:
        os.close(owning)


def create(holder: Sequence[str], map_ids: Callable[[int], None], record: Callable[[int], None]) -> int:
    """Make the two namespaces and leave ``holder`` (an argument list; sleeps for ever) in them; its pid.

    ``map_ids(pid)`` gives the namespace its ids; ``record(pid)`` is called when all is ready, before the holder is
    executed: when this process dies before or within, the child ends by itself and nothing is left behind.
    """
    from_child, to_parent = os.pipe()
    from_parent, to_child = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(holder, to_parent, from_parent)
    os.close(to_parent)
    os.close(from_parent)
    try:
        _expect(from_child, b"namespaces")
        map_ids(pid)
        os.write(to_child, b"m")
        _expect(from_child, b"mounts")
        record(pid)
        os.write(to_child, b"r")
        _expect(from_child, b"")  # end of file: the exec closed it
    except BaseException:
        os.close(to_child)
        to_child = -1
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(from_child)
        if to_child >= 0:
            os.close(to_child)
    return pid


def _expect(fd: int, word: bytes) -> None:
    """Wait for the child's next word; raise the error that it sent instead."""
    found = os.read(fd, 4096)
    if found == word:
        return
    number, _, name = found.decode(errors="replace").partition(" ")
    if number.isdigit():
        raise OSError(int(number), f"{name}: {os.strerror(int(number))}")
    raise OSError(errno.ECHILD, "the user namespace's first process ended too early")


def _child(holder: Sequence[str], to_parent: int, from_parent: int) -> None:
    """In the forked child: never returns."""
    doing = "fork"
    try:
        os.setsid()  # a terminal's Ctrl-C is not meant for the holder
        # The parent's lock among them: a copy of its descriptor would hold it for as long as the holder lives.
        os.closerange(3, min(to_parent, from_parent))
        _close_all_but(to_parent, from_parent)
        doing = "unshare"
        unshare(CLONE_NEWUSER | CLONE_NEWNS)
        os.write(to_parent, b"namespaces")
        if not os.read(from_parent, 1):
            os._exit(1)
        # Mounts that the host makes later appear here, ours never there.
        doing = "mount"
        mount("none", "/", flags=MS_REC | MS_SLAVE)
        os.chdir("/")
        os.write(to_parent, b"mounts")
        if not os.read(from_parent, 1):
            os._exit(1)
        doing = f"exec {holder[0]}"
        _null_streams()
        os.execv(holder[0], list(holder))
    except OSError as error:
        os.write(to_parent, f"{error.errno} {doing}".encode())
    finally:
        os._exit(1)


def _close_all_but(first: int, second: int) -> None:
    low, high = sorted((first, second))
    os.closerange(low + 1, high)
    os.closerange(high + 1, 65536)


def _null_streams() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def write_single_maps(pid: int, uid: int, gid: int) -> None:
    """Map only ``uid`` and ``gid``, to 0: all that a user may do without newuidmap. setgroups(2) is forbidden there."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1\n"), ("gid_map", f"0 {gid} 1\n")):
        fd = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def maps_of(path: str) -> tuple[str, str]:
    """The uid_map and gid_map of the user namespace that the file ``path`` is, with outer ids as they are here."""
    from skerry.linux.waiting_child import WaitingChild

    with WaitingChild(lambda: setns(os.open(path, os.O_RDONLY | os.O_CLOEXEC), CLONE_NEWUSER), path) as pid:
        texts = []
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{pid}/{name}", encoding="ascii") as file:
                texts.append(file.read())
        return texts[0], texts[1]
