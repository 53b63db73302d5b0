"""The OCI ``mounts``: the kernel's file systems as Podman mounts them, then what the user asked for."""

from __future__ import annotations

import os

from skerry.errors import Invalid
from skerry.runtime.mount_options import complete
from skerry.runtime.spec_process import INIT_PATH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.runtime.types import ContainerConfig, MountConfig

_SAFE = ["nosuid", "noexec", "nodev"]
_TMPFS = ["rw", "rprivate", "nosuid", "nodev", "tmpcopyup"]
_DEFAULT_SHM = 65536000
_GID_TTY = 5
PROC_OPTIONS = "io.skerry.proc-opts"


class Situation:
    """The few facts besides the configuration that decide how the kernel's file systems are mounted."""

    __slots__ = ("cgroup_v2", "gid_limit", "init_path", "ipc_path", "rootless")

    def __init__(
        self, *, rootless: bool, cgroup_v2: bool, gid_limit: int = 2**32, ipc_path: str = "", init_path: str = ""
    ) -> None:
        self.rootless = rootless
        self.cgroup_v2 = cgroup_v2
        self.gid_limit = gid_limit  # how many group ids this user namespace has
        self.init_path = init_path  # the host's init program, for --init
        self.ipc_path = ipc_path  # the joined IPC namespace, for its /dev/shm


def own_userns(config: ContainerConfig) -> bool:
    """Whether the container has another user namespace than this process."""
    return config.get("namespaces", {}).get("user", "host") not in ("host", "")


def can_mount_sys(config: ContainerConfig, *, rootless: bool) -> bool:
    """sysfs can only be mounted by who owns the network namespace that it shows."""
    net = config.get("namespaces", {}).get("net", "")
    if net == "host":
        return not (rootless or own_userns(config))
    return not (own_userns(config) and net.startswith(("container:", "ns:")))


def all_mounts(config: ContainerConfig, given: Sequence[MountConfig], situation: Situation) -> list[dict[str, Any]]:
    """Everything to mount, parents before what is inside them; the user's mount replaces ours of the same place."""
    user = [_given(mount) for mount in given]
    taken = {mount["destination"] for mount in user}
    own = [*_system(config, situation), *_extras(config, situation)]
    result = [mount for mount in own if mount["destination"] not in taken]
    return sorted([*result, *user], key=depth)


def root_propagation(mounts: Sequence[dict[str, Any]]) -> str:
    """What the root must let through for its mounts to be shared with the host's, or to see theirs; empty: nothing."""
    words = {option for mount in mounts for option in mount["options"]}
    if words & {"shared", "rshared"}:
        return "shared"
    return "rslave" if words & {"slave", "rslave"} else ""


def depth(mount: dict[str, Any]) -> int:
    """How deep a mount lies: by this order a parent comes before what is inside it."""
    path: str = os.path.normpath(mount["destination"])
    return 0 if path == "/" else path.count("/")


def _mount(destination: str, kind: str, source: str, options: Sequence[str]) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def _system(config: ContainerConfig, situation: Situation) -> list[dict[str, Any]]:
    namespaces = config.get("namespaces", {})
    in_userns = situation.rootless or own_userns(config)
    hardened = config.get("read_only", False) and not config.get("read_only_tmpfs", True)
    dev = ["nosuid", "noexec", "strictatime", "mode=755", "size=65536k"]
    return [
        _proc(config, bind=in_userns and namespaces.get("pid") == "host"),
        _mount("/dev", "tmpfs", "tmpfs", [*dev, "ro"] if hardened else dev),
        _sys(config, situation),
        _devpts(config, situation),
        *_mqueue(bind=in_userns and namespaces.get("ipc") == "host"),
        *_shm(config, situation, read_only=hardened),
        *_cgroup(config, situation),
    ]


def _proc(config: ContainerConfig, *, bind: bool) -> dict[str, Any]:
    if bind:
        return _mount("/proc", "bind", "/proc", ["rbind", *_SAFE])
    given = config.get("annotations", {}).get(PROC_OPTIONS, "")  # --security-opt proc-opts=
    return _mount("/proc", "proc", "proc", [*filter(None, given.split(","))] or list(_SAFE))


def _sys(config: ContainerConfig, situation: Situation) -> dict[str, Any]:
    mode = "rw" if config.get("privileged") else "ro"
    if can_mount_sys(config, rootless=situation.rootless):
        return _mount("/sys", "sysfs", "sysfs", [*_SAFE, mode])
    return _mount("/sys", "bind", "/sys", ["rprivate", *_SAFE, mode, "rbind"])


def _devpts(config: ContainerConfig, situation: Situation) -> dict[str, Any]:
    options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]
    maps = config.get("gid_maps", ())
    mapped = not maps or any(row["containerID"] <= _GID_TTY < row["containerID"] + row["size"] for row in maps)
    if mapped and situation.gid_limit > _GID_TTY:
        options.append(f"gid={_GID_TTY}")
    return _mount("/dev/pts", "devpts", "devpts", options)


def _mqueue(*, bind: bool) -> list[dict[str, Any]]:
    """``bind``: the queues are the host's, which a container's root cannot mount; some hosts do not mount them either."""
    if not bind:
        return [_mount("/dev/mqueue", "mqueue", "mqueue", _SAFE)]
    if not os.path.isdir("/dev/mqueue"):
        return []
    return [_mount("/dev/mqueue", "bind", "/dev/mqueue", ["bind", *_SAFE])]


def _shm(config: ContainerConfig, situation: Situation, *, read_only: bool) -> list[dict[str, Any]]:
    mode = config.get("namespaces", {}).get("ipc", "private")
    if mode == "none":
        return []
    if mode == "host":
        return [_mount("/dev/shm", "bind", "/dev/shm", ["bind", "rprivate", *_SAFE])]
    if mode.startswith(("container:", "ns:")) and situation.ipc_path.endswith("/ns/ipc"):
        process = situation.ipc_path.removesuffix("/ns/ipc")
        if _same_mounts(process):
            return [_mount("/dev/shm", "bind", f"{process}/root/dev/shm", ["bind", "rprivate", *_SAFE])]
    size = config.get("shm_size") or _DEFAULT_SHM
    options = [*_SAFE, "mode=1777", f"size={size}"]
    return [_mount("/dev/shm", "tmpfs", "shm", [*options, "ro"] if read_only else options)]


def _same_mounts(process: str) -> bool:
    """Whether a process (its folder in /proc) sees our mounts: those of others cannot be bound."""
    try:
        return os.path.samefile(f"{process}/ns/mnt", "/proc/self/ns/mnt")
    except OSError:
        return False


def _cgroup(config: ContainerConfig, situation: Situation) -> list[dict[str, Any]]:
    if not can_mount_sys(config, rootless=situation.rootless) or config.get("cgroups") == "disabled":
        return []
    if config.get("systemd") and situation.cgroup_v2:
        return [_mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rprivate", *_SAFE, "relatime", "rw"])]
    mode = "rw" if config.get("privileged") or (situation.cgroup_v2 and _unmasks_cgroups(config)) else "ro"
    mounts = [_mount("/sys/fs/cgroup", "cgroup", "cgroup", ["rprivate", *_SAFE, "relatime", mode])]
    if config.get("systemd"):
        tree = "/sys/fs/cgroup/systemd"
        mounts.append(_mount(tree, "bind", tree, ["bind", "rprivate", *_SAFE]))
    return mounts


def _unmasks_cgroups(config: ContainerConfig) -> bool:
    """``--security-opt unmask=/sys/fs/cgroup`` or ``ALL``."""
    return any(path == "ALL" or os.path.normpath(path) == "/sys/fs/cgroup" for path in config.get("unmask", ()))


def _extras(config: ContainerConfig, situation: Situation) -> list[dict[str, Any]]:
    """tmpfs of --read-only and --systemd, the init program, the time zone."""
    places: list[str] = []
    if config.get("read_only") and config.get("read_only_tmpfs", True):
        places += ["/run", "/tmp", "/var/tmp"]
    if config.get("systemd"):
        places += ["/run", "/run/lock", "/tmp", "/var/log/journal"]
    size = [f"size={config['shm_size_systemd']}"] if config.get("systemd") and config.get("shm_size_systemd") else []
    mounts = [_mount(place, "tmpfs", "tmpfs", [*_TMPFS, *size]) for place in dict.fromkeys(places)]
    if situation.init_path:
        mounts.append(_mount(INIT_PATH, "bind", situation.init_path, ["bind", "ro"]))
    if config.get("tz"):
        mounts.append(_mount("/etc/localtime", "bind", _zone_file(config["tz"]), ["bind", "rprivate", "ro"]))
    return mounts


def _zone_file(name: str) -> str:
    path = os.path.realpath("/etc/localtime") if name == "local" else os.path.join("/usr/share/zoneinfo", name)
    if ".." in name.split("/") or name.startswith("/") or not os.path.isfile(path):
        raise Invalid(f"finding timezone: unknown time zone {name}")
    return path


def _given(mount: MountConfig) -> dict[str, Any]:
    kind, source = mount["type"], mount.get("source", "")
    options = list(mount.get("options", ()))
    if kind in ("bind", "volume"):
        return _mount(mount["destination"], "bind", source, complete(options, kind="bind", source=source))
    if kind == "tmpfs":
        return _mount(mount["destination"], "tmpfs", source or "tmpfs", complete(options, kind="tmpfs"))
    return _mount(mount["destination"], kind, source or kind, options)
