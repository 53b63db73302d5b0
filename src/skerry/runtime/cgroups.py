"""Where a container and its conmon stand in the control groups of this host.

With cgroupfs: ``/libpod_parent/libpod-ID`` as Podman has it, made by the runtime. With systemd: a scope in
machine.slice or user.slice. Without a writable group (rootless, nothing delegated): none, and no limits.
"""

from __future__ import annotations

import _thread
import fcntl
import os
import time

from skerry.errors import Invalid, Unavailable
from skerry.linux import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.runtime.types import ContainerConfig

PARENT = "/libpod_parent"
_CONMON = PARENT + "/conmon"


class ConmonGroup:
    """How conmon gets into control groups of its own, and with it its ``companions``: what serves the container from
    outside and must not end with our session, either. This one leaves them where we are."""

    companions: Sequence[int] = ()

    def before_fork(self, pid: int) -> None:
        """Called with a conmon that waits for its start pipe."""

    def after_create(self, pid: int) -> None:
        """Called with the conmon that stays, once the container exists and before its program runs."""


class Placement:
    """``path``: the spec's cgroupsPath, empty when there is none. ``enter_conmon`` is for `conmon.Launch`."""

    __slots__ = ("enter_conmon", "path")

    def __init__(self, path: str, enter_conmon: ConmonGroup | None = None) -> None:
        self.path = path
        self.enter_conmon = enter_conmon


def systemd_runs() -> bool:
    """Whether systemd manages this host (sd_booted)."""
    return os.path.isdir("/run/systemd/system")


def manager(settings: Any, config: ContainerConfig | None = None) -> str:
    """``systemd`` or ``cgroupfs``: what the container was created with, or else what is configured now; never systemd
    where there is none."""
    wanted = (config and config.get("cgroup_manager")) or settings.cgroup_manager
    return "systemd" if wanted == "systemd" and systemd_runs() else "cgroupfs"


def enter_users_tree(settings: Any) -> None:
    """Before a user's exec: move this process below the user's own systemd, as Podman does.

    To move a process from one v2 group to another, a user must own the groups' common parent. That is so within
    user@UID.service, where the containers are; a login session's scope stands beside it. Refused: crun says why."""
    if not settings.rootless or manager(settings) != "systemd" or not cgroup.is_unified():
        return
    (tree,) = cgroup.hierarchies()
    if f"/user@{settings.uid}.service/" in tree.path + "/":
        return
    from skerry.linux.systemd import start_scope

    pid = os.getpid()
    try:
        start_scope(f"skerry-{pid}.scope", "user.slice", pid, user=True)
    except (OSError, Unavailable):
        pass  # without a user's bus there is nobody to ask


def default_path(config: ContainerConfig) -> str:
    """Where a container stands with cgroupfs as root."""
    return f"{config.get('cgroup_parent') or PARENT}/libpod-{config['id']}"


def place(config: ContainerConfig, settings: Any, last: str = "") -> Placement:
    """Decide where a container goes, and make this host's hierarchies fit for runtimes. `Invalid`, `Unavailable`.

    ``last``: where it was, when its policy starts it again."""
    mode = config.get("cgroups", "enabled")
    if mode == "disabled":
        return Placement("")
    if mode == "split":
        from skerry.runtime.cgroup_split import group

        found = group(config["id"], last)
        if found:
            return Placement(found)
    if manager(settings, config) == "systemd":
        placement = _systemd(config, settings)
    elif settings.rootless:
        return Placement(_delegated(config))
    else:
        mend_hybrid()
        check_parent(settings, config)
        placement = Placement(default_path(config), _OwnGroups())
    if mode == "no-conmon":
        placement.enter_conmon = None
    return placement


def check_parent(settings: Any, config: ContainerConfig) -> None:
    """`Invalid`, in Podman's words, for a ``--cgroup-parent`` that is none for this cgroup manager."""
    parent = config.get("cgroup_parent", "")
    if not parent:
        return
    is_slice = parent.endswith(".slice") and len(parent) > len(".slice")
    if manager(settings, config) == "systemd":
        if not is_slice:
            raise Invalid(
                "did not receive systemd slice as cgroup parent when using systemd to manage cgroups: invalid argument",
                hint="use a name that ends in .slice, or --cgroup-manager=cgroupfs",
            )
    elif is_slice:
        raise Invalid("systemd slice received as cgroup parent when using cgroupfs: invalid argument")


def _systemd(config: ContainerConfig, settings: Any) -> Placement:
    parent = config.get("cgroup_parent") or ("user.slice" if settings.rootless else "machine.slice")
    check_parent(settings, config)
    parent = parent.rsplit("/", 1)[-1]
    scope = f"libpod-conmon-{config['id']}.scope"

    return Placement(f"{parent}:libpod:{config['id']}", _SystemdScope(scope, parent, user=bool(settings.rootless)))


class _SystemdScope(ConmonGroup):
    def __init__(self, scope: str, parent: str, *, user: bool) -> None:
        self.scope = scope
        self.parent = parent
        self.user = user

    def before_fork(self, pid: int) -> None:
        from skerry.linux.systemd import start_scope

        try:
            start_scope(self.scope, self.parent, pid, user=self.user, others=self.companions)
        except (OSError, Unavailable):
            pass  # conmon stays in our group: it works there as well, only not past a killed session


def _delegated(config: ContainerConfig) -> str:
    """A group below our own that we may write; empty when nothing was delegated to this user."""
    trees = cgroup.hierarchies()
    if cgroup.is_unified():
        (tree,) = trees
        # A v2 group with processes cannot hand controllers on to groups below it.
        if tree.path == "/" or not _writable(tree, tree.path) or cgroup.processes(tree.folder(tree.path)):
            return ""
        return tree.path + default_path(config)
    for tree in trees:
        # One path for all: crun makes the group in every hierarchy, and fails where it cannot.
        if "memory" in tree.controllers and tree.path != "/" and all(_writable(each, tree.path) for each in trees):
            return tree.path + default_path(config)
    return ""


def _writable(tree: cgroup.Hierarchy, path: str) -> bool:
    return os.access(tree.folder(path), os.W_OK | os.X_OK)


class _OwnGroups(ConmonGroup):
    """cgroupfs: where this process is in a group (a session's, a service's), its end must not end conmon.

    Not before conmon runs: every change of groups waits for one RCU grace period at first (see `warm_cgroups`), and
    conmon and crun need 9 ms before they touch theirs. Afterwards it costs 0.1 ms."""

    def after_create(self, pid: int) -> None:
        for tree in cgroup.hierarchies():
            if tree.path == "/":
                continue
            try:
                _make_group(tree)
                for each in (pid, *self.companions):
                    cgroup.enter(tree.folder(_CONMON), each)
            except OSError:
                pass  # read-only or full hierarchy: conmon stays where we are and works as well


def _make_group(tree: cgroup.Hierarchy) -> None:
    folder = tree.folder(_CONMON)
    if not os.path.exists(folder):
        os.makedirs(folder, exist_ok=True)
    if "cpuset" in tree.controllers:
        _fill_cpuset(tree.mount)


def _fill_cpuset(mount: str) -> None:
    """A new cpuset group of v1 is empty and takes nobody in."""
    folder = mount
    for name in _CONMON.strip("/").split("/"):
        parent, folder = folder, f"{folder}/{name}"
        for file in ("cpuset.cpus", "cpuset.mems"):
            with open(f"{parent}/{file}") as source:
                value = source.read()
            with open(f"{folder}/{file}", "r+") as target:
                if not target.read().strip():
                    target.write(value)


def real_path(path: str, pid: int) -> str:
    """The group that a spec's ``cgroupsPath`` became, of a container whose first process is ``pid``.

    systemd's ``SLICE:PREFIX:NAME`` is a scope below slices that only the process's own path tells; the program may
    stand deeper in it (crun's ``container``, systemd's ``init.scope``)."""
    parts = path.split(":")
    if len(parts) != 3:
        return path
    scope = f"{parts[1]}-{parts[2]}.scope"
    for own in cgroup.own_paths(pid).values() if pid else ():
        before, found, _ = own.partition("/" + scope)
        if found:
            return before + found
    return f"/{parts[0]}/{scope}"


def slices_events(path: str, pid: int) -> str:
    """The file that counts what the kernel killed in the slice of a container's scope; empty where there is no scope.

    The scope itself goes with its last process, and what it counted with it: conmon mostly comes too late."""
    if path.count(":") != 2 or not cgroup.is_unified():
        return ""
    file = f"{cgroup.ROOT}{os.path.dirname(real_path(path, pid))}/memory.events"
    return file if os.path.exists(file) else ""


def oom_kills(file: str) -> int:
    """How often the kernel killed for want of memory, by a ``memory.events`` file; -1 when it cannot be read."""
    try:
        with open(file, "rb") as opened:
            return next((int(line[9:]) for line in opened if line.startswith(b"oom_kill ")), -1)
    except (OSError, ValueError):
        return -1


def remove(path: str) -> None:
    """Remove what may be left of a container's group after its processes have ended. Idempotent, best effort."""
    if not path.startswith("/") or path.count("/") < 2 or ".." in path:
        return  # none, or a scope, which systemd removes
    for tree in cgroup.hierarchies():
        try:
            cgroup.remove(tree.folder(path))
        except OSError:
            pass  # not ours to remove (another user's, read-only)


def mend_hybrid() -> None:
    """crun 1.8 refuses hosts where the v2 half of a hybrid hierarchy still has controllers that nobody mounted as v1.

    Mounting those as v1, as such hosts do with all others, moves them. Nothing happens where v2 is in use; where
    mounting is forbidden, crun says what it wants (`failures` adds how)."""
    if not _unmounted_controllers():
        return
    try:
        lock = os.open(cgroup.ROOT, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two commands at once must not mount one over the other
        for name in _unmounted_controllers():
            _mount_v1(name)
    except OSError:
        pass  # read-only or in use
    finally:
        os.close(lock)


def _unmounted_controllers() -> list[str]:
    try:
        with open(cgroup.ROOT + "/unified/cgroup.controllers", encoding="utf-8") as file:
            return file.read().split()
    except OSError:
        return []  # not hybrid


def _mount_v1(name: str) -> None:
    from skerry.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount

    target = f"{cgroup.ROOT}/{name}"
    os.makedirs(target, exist_ok=True)
    mount("cgroup", target, "cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, name)


def warm_cgroups() -> None:
    """Pay for the first move of a process between groups in a thread, while other work goes on.

    That move takes cgroup_threadgroup_rwsem for writing and so waits one RCU grace period (10-18 ms); those that
    follow soon don't. The move that is made here changes nothing: this process to where it is."""
    fd = _open_own_group()
    if fd >= 0:
        # All but the write itself is done here: each further call in the thread might wait 5 ms for the
        # interpreter's lock while this one imports modules.
        _thread.start_new_thread(_enter_and_close, (fd, str(os.getpid()).encode()))
        time.sleep(0.00005)  # lets go of the lock once, so that the write begins now and not in 5 ms


def _open_own_group() -> int:
    try:
        for tree in cgroup.hierarchies():
            try:
                return os.open(tree.folder(tree.path) + "/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
            except OSError:
                continue  # not ours to write
    except (OSError, ValueError):
        pass  # no control groups: nothing to wait for
    return -1


def _enter_and_close(fd: int, pid: bytes) -> None:
    try:
        os.write(fd, pid)
    except OSError:
        pass  # it only would have saved time
    finally:
        os.close(fd)
