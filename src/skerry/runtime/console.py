"""conmon's control fifo: a terminal's new size, a rotated log."""

from __future__ import annotations

import os

_RESIZE, _REOPEN_LOGS = 1, 2


def resize(ctl_path: str, rows: int, columns: int) -> bool:
    """Give the container's terminal a size; False when its conmon has gone."""
    return _send(ctl_path, _RESIZE, rows, columns)


def _send(ctl_path: str, kind: int, first: int, second: int) -> bool:
    try:
        # Non-blocking: without a reader the open fails (ENXIO) instead of waiting for one.
        fd = os.open(ctl_path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, b"%d %d %d\n" % (kind, first, second))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True
