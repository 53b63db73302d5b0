"""Telling one process from another: pids are reused, so a pid counts only with its start time and this boot."""

from __future__ import annotations

import os
import time

_SELINUX, _LABEL = "/sys/fs/selinux/enforce", "/proc/self/attr/current"
_boot_id = ""


def boot_id() -> str:
    """The kernel's random id of this boot."""
    global _boot_id
    if not _boot_id:
        _boot_id = _read("/proc/sys/kernel/random/boot_id").decode().strip()
    return _boot_id


def booted_ns() -> int:
    """When this kernel started, in nanoseconds since the epoch (by what the clock says now)."""
    return time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def has_selinux() -> bool:
    """Whether SELinux confines processes. Before a policy is loaded (it never is on some hosts) all have the label
    "kernel", and no other label can be given to anything."""
    if not os.path.exists(_SELINUX):
        return False
    try:
        return _read(_LABEL).rstrip(b" \n\0") != b"kernel"
    except OSError:
        return True


def start_time(pid: int) -> int | None:
    """When ``pid`` started, in clock ticks after boot (/proc/PID/stat, field 22); None when there is no such process.

    A zombie has ended: it counts as none, although its pid is not free yet.
    """
    if pid <= 0:
        return None
    try:
        stat = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name (field 2) may contain spaces and parentheses: fields count from the last parenthesis.
    fields = stat[stat.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return None
    return int(fields[19])


def is_same(pid: int, start: int) -> bool:
    """Whether the process that had ``pid`` and ``start`` (from `start_time`, on this boot) still runs."""
    return start_time(pid) == start if start else False


def exists(pid: int) -> bool:
    """Whether any process has ``pid`` now, a zombie included."""
    return pid > 0 and os.path.exists(f"/proc/{pid}")


def owner(pid: int) -> int | None:
    """The (effective) uid of ``pid`` as this namespace sees it; None when it does not exist.

    A process that is not dumpable belongs to root here: its real uid is read from its status."""
    try:
        for line in _read(f"/proc/{pid}/status").splitlines():
            if line.startswith(b"Uid:"):
                return int(line.split()[2])
    except (FileNotFoundError, ProcessLookupError):
        pass  # it ended meanwhile
    return None


def descriptor_of(pid: int, target: str) -> int:
    """Our own descriptor (pidfd_getfd(2), Linux 5.6) of what another process has open under this name of
    /proc/PID/fd; -1 where it has ended, has no such thing or may not be traced by us."""
    from skerry.linux.libc import syscall

    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return -1
    try:
        for name in os.listdir(f"/proc/{pid}/fd"):
            if os.readlink(f"/proc/{pid}/fd/{name}") == target:
                return syscall("pidfd_getfd", pidfd, int(name), 0, about=target)
    except OSError:
        pass  # it ended, or closed it, meanwhile
    finally:
        os.close(pidfd)
    return -1


def _read(path: str) -> bytes:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 16384)
    finally:
        os.close(fd)
