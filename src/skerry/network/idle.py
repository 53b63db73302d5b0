"""A bridge without containers goes away, but nobody waits for that: deleting a link takes the kernel 20 ms.

A process of its own does it a moment later, so that a row of short containers does not make and delete the bridge each
time either. It may be killed at any time: the next one, or a sweep, does its work.
"""

from __future__ import annotations

import fcntl
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.network.context import NetworkContext

_LINGER_S = 1.0


def remove_later(context: NetworkContext, folder: str) -> None:
    """Start the process that removes what is unused in a second, unless one waits already."""
    try:
        lock = os.open(folder + "/idle", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return  # no room for a lock's file: a sweep will do it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return
    pid = os.fork()
    if pid == 0:
        _detach_and_remove(context, lock)
    os.close(lock)
    os.waitpid(pid, 0)


def _detach_and_remove(context: NetworkContext, lock: int) -> None:
    """In the child; never returns. A second fork, so that a long-lived caller has no zombie."""
    try:
        if os.fork():
            os._exit(0)
        os.setsid()
        os.chdir("/")
        null = os.open("/dev/null", os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        # The caller's locks, pipes and terminal must not live on with us.
        os.closerange(3, lock)
        os.closerange(lock + 1, os.sysconf("SC_OPEN_MAX") if lock < 1000 else lock + 1000)
        time.sleep(_LINGER_S)
        # Whoever comes from now on starts the next one: we may have looked already.
        os.close(lock)
        if context.outer is not None:
            from skerry.network import shared

            shared.remove_idle(context.outer)
        else:
            from skerry.network.setup import remove_idle

            remove_idle(context)
    except BaseException:  # noqa: BLE001, S110 - nobody is there to be told
        pass
    finally:
        os._exit(0)
