"""Passing on descriptors that do not follow each other: what is between them must be taken.

A runtime is told how many descriptors from 3 on it is to pass on, not which. One that opens a file of its own without
close-on-exec (crun 1.8: its log) at a number in between would pass that on, too, into the container.
"""

from __future__ import annotations

import fcntl
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FILL = (
    "import os,sys\n"
    "null=os.open('/dev/null',os.O_RDWR)\n"
    "for n in map(int,sys.argv[1].split(',')):\n"
    " os.dup2(null,n)\n"
    " os.set_inheritable(n,True)\n"
    "if str(null) not in sys.argv[1].split(','): os.close(null)\n"
    "os.execv(sys.argv[2],sys.argv[2:])\n"
)


def filled(argv: Sequence[str], fds: Sequence[int]) -> list[str]:
    """The command line that becomes ``argv`` (its program's path) with /dev/null at the numbers that are free between 3
    and the last of ``fds``. Nothing else may be passed on at those (`above`)."""
    free = sorted({*range(3, max(fds, default=2))} - {*fds})
    if not free:
        return list(argv)
    return [sys.executable, "-IS", "-c", _FILL, ",".join(map(str, free)), *argv]


def above(fd: int, fds: Sequence[int]) -> int:
    """``fd`` at a number above all of ``fds``."""
    if not fds or fd > max(fds):
        return fd
    moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, max(fds) + 1)
    os.close(fd)
    return moved
