"""unshare(2), setns(2) and the other calls that move this process between namespaces."""

from __future__ import annotations

from skerry.linux.libc import call

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x80


def unshare(flags: int) -> None:
    """unshare(2)."""
    call("unshare", flags, about=hex(flags))


def setns(fd: int, kind: int = 0) -> None:
    """setns(2): join the namespace behind ``fd`` (an nsfs file, or a pidfd with several kinds)."""
    call("setns", fd, kind, about=str(fd))
