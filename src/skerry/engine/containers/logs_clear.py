"""``skerry logs --clear``: throw away what a container has written so far, also while it writes on.

conmon appends whole entries (O_APPEND), so the file is cut to nothing under it and the next entry is the first again;
who follows the log notices that it became shorter. A restart of either side changes nothing.
"""

from __future__ import annotations

import os
import stat

from skerry.engine.containers import state as states
from skerry.errors import Invalid, Unavailable, Unsupported
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

_FILES = ("k8s-file", "json-file", "")


def clear_log(engine: Engine, name: str) -> str:
    """Empty the container's log; its id. One that has not written yet has nothing to empty. `Unsupported` for drivers
    that keep none of their own."""
    record = states.find(engine, name)[0]
    driver = record["config"]["log_driver"]
    if driver not in _FILES:
        raise Unsupported(f"this container is using the '{driver}' log driver, whose log cannot be cleared")
    path = record["config"].get("log_path") or states.log_path(engine, record["id"])
    try:
        # Not through links: the path may be anywhere, and be another's now.
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return record["id"]
    except OSError as error:
        raise Unavailable(f"cannot clear the log {path}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise Invalid(f"cannot clear the log {path}: it is no file")
        step("container.clear-log")
        os.ftruncate(fd, 0)
    except OSError as error:
        raise Unavailable(f"cannot clear the log {path}: {error.strerror}") from error
    finally:
        os.close(fd)
    return record["id"]
