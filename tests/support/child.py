"""What a test does in a process of its own: it is killed there, or joins namespaces, which cannot be undone.

A forked child must never come back into pytest: it would tear down the fixtures that the parent still uses.
"""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable

SECONDS = 120


def fork(action: Callable[[], object]) -> int:
    """Start a child that does ``action`` and ends: 0, or 70 after an exception, which is shown. Its pid.

    What does not end by itself is killed by its alarm, so that no test waits for ever.
    """
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        action()
        code = 0
    except BaseException:  # noqa: BLE001 - a child that survived its error would run the parent's tests
        traceback.print_exc()
    finally:
        os._exit(code)


def wait(pid: int) -> int:
    """Its exit code; minus the signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
