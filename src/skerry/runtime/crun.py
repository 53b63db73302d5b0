"""What crun would do in a process of its own, done here: letting a container go, and forgetting one that ended.

Each call of crun costs 4-5 ms (two executions with dynamic linking). Both operations are a few file operations on
crun's documented state folder (status.c: ``status``, ``config.json``, ``exec.fifo``), the same since crun 0.15. Both
return False, having done nothing, whenever anything is not exactly as expected: then crun itself is called.
"""

from __future__ import annotations

import os
import stat

from skerry import fastjson
from skerry.errors import Invalid
from skerry.linux import cgroup
from skerry.linux.process import start_time
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MAX = 1 << 22


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(_MAX)


def start(folder: str) -> bool:
    """Open the fifo on which the container's first process waits. ``folder``: crun's state of the container."""
    fifo = folder + "/exec.fifo"
    try:
        if b'"hooks"' in _read(folder + "/config.json"):
            return False  # poststart hooks are crun's to run
        # ENXIO: nobody waits there, the process has died.
        fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISFIFO(os.fstat(fd).st_mode):
            return False
        os.unlink(fifo)  # first: its absence is how crun tells "running" from "created"
        os.write(fd, b"\0")
    except BrokenPipeError:
        pass  # it was killed just now; its conmon reports that
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def delete(folder: str) -> bool:
    """Remove the groups and the state of a container whose processes have all ended."""
    try:
        status = fastjson.loads(_read(folder + "/status"))
        if b'"hooks"' in _read(folder + "/config.json") or not _ended(status):
            return False
        path = status["cgroup-path"]
        if path and not _remove_groups(path):
            return False
        remove_tree(folder)
    except (OSError, Invalid, KeyError, TypeError):
        return False
    return True


def _ended(status: dict[str, Any]) -> bool:
    if status.get("systemd-cgroup") or status.get("scope"):
        return False
    return start_time(int(status["pid"])) != int(status["process-start-time"])


def _remove_groups(path: str) -> bool:
    """Whether no group of that name is left. One with processes (of a shared pid namespace) is crun's to kill."""
    if not path.startswith("/") or ".." in path.split("/") or path.count("/") < 2:
        return False
    for tree in cgroup.hierarchies():
        try:
            os.rmdir(tree.folder(path))
        except FileNotFoundError:
            continue
    return True
