"""unshare(2), setns(2) and the other calls that move this process between namespaces."""

from __future__ import annotations

import os

from skerry.linux.libc import call, syscall

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWTIME = 0x10000000, 0x20000000, 0x40000000, 0x80

PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_READ = 1, 15, 36, 38, 23


def unshare(flags: int) -> None:
    """unshare(2)."""
    call("unshare", flags, about=hex(flags))


def setns(fd: int, kind: int = 0) -> None:
    """setns(2): join the namespace behind ``fd`` (an nsfs file, or a pidfd with several kinds)."""
    call("setns", fd, kind, about=str(fd))


def prctl(option: int, *args: int) -> int:
    """prctl(2)."""
    padded = (*args, 0, 0, 0, 0)[:4]
    return call("prctl", option, *padded, about=str(option))


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2)."""
    syscall("pivot_root", os.fsencode(new_root), os.fsencode(put_old), about=new_root)
