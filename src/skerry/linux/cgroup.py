"""Control groups: which hierarchies are mounted, and moving processes between groups. v1, v2 and both at once."""

from __future__ import annotations

import errno
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = "/sys/fs/cgroup"


class Hierarchy:
    """One mounted tree. ``controllers`` is empty for cgroup v2 (``v2``); ``path`` is where this process is in it."""

    __slots__ = ("controllers", "mount", "path", "v2")

    def __init__(self, mount: str, controllers: Iterable[str], path: str, *, v2: bool = False) -> None:
        self.mount = mount
        self.controllers = tuple(controllers)
        self.path = path
        self.v2 = v2

    def folder(self, path: str) -> str:
        """The folder of group ``path`` (absolute within the hierarchy)."""
        return self.mount + "/" + path.strip("/")


def is_unified() -> bool:
    """Whether cgroup v2 alone is mounted at the usual place."""
    return os.path.exists(ROOT + "/cgroup.controllers")


def own_paths(pid: int | str = "self") -> dict[str, str]:
    """/proc/PID/cgroup: comma-separated controllers (``""`` for v2) → path."""
    result = {}
    with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            result[controllers] = path
    return result


def hierarchies() -> list[Hierarchy]:
    """All hierarchies under /sys/fs/cgroup, at the names by which runtimes know them."""
    paths = own_paths()
    if is_unified():
        return [Hierarchy(ROOT, (), paths.get("", "/"), v2=True)]
    found = []
    for names, path in paths.items():
        if names == "":
            if os.path.exists(ROOT + "/unified/cgroup.procs"):
                found.append(Hierarchy(ROOT + "/unified", (), path, v2=True))
            continue
        mount = f"{ROOT}/{names.removeprefix('name=')}"
        if not os.path.exists(mount + "/cgroup.procs"):
            mount = f"{ROOT}/{names.partition(',')[0].removeprefix('name=')}"
        if os.path.exists(mount + "/cgroup.procs"):
            found.append(Hierarchy(mount, names.split(","), path))
    return found


def enter(folder: str, pid: int) -> None:
    """Move the process ``pid`` into a group. The first move for a while waits 10-20 ms for RCU."""
    fd = os.open(folder + "/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(pid).encode())
    finally:
        os.close(fd)


def processes(folder: str) -> list[int]:
    """The processes in a group (not below it); none when it is gone."""
    try:
        with open(folder + "/cgroup.procs", "rb") as file:
            return [int(line) for line in file]
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP):
            return []
        raise


def remove(folder: str) -> bool:
    """Remove a group and those below it; whether it is gone. EBUSY (processes inside) is no error."""
    if _gone(folder):
        return True
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            remove(entry.path)
    return _gone(folder)


def _gone(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.ENOTEMPTY):
            raise
        return False
    return True
