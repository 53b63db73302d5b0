"""The OCI ``linux`` section: namespaces, sysctls, devices, resources, masked paths."""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unsupported
from skerry.runtime import devices
from skerry.runtime.limits import cgroup_resources
from skerry.runtime.security import masked_and_readonly
from skerry.runtime.spec_mounts import can_mount_sys, own_userns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from skerry.runtime.types import ContainerConfig

_KINDS = (("pid", "pid"), ("net", "network"), ("ipc", "ipc"), ("uts", "uts"), ("cgroup", "cgroup"), ("user", "user"))


def namespaces(config: ContainerConfig, paths: Mapping[str, str], netns_path: str | None) -> list[dict[str, Any]]:
    """The OCI namespaces; what is shared with the host is left out."""
    modes = config.get("namespaces", {})
    result: list[dict[str, Any]] = []
    for ours, oci in _KINDS:
        mode = str(modes.get(ours, "host" if ours == "user" else "private"))
        path = netns_path if ours == "net" and netns_path else paths.get(ours, "")
        if mode.startswith("ns:") and not path:
            path = mode[3:]
        if mode in ("host", ""):
            continue
        if mode.startswith("container:") and not path:
            raise Invalid(f"the {ours} namespace of {mode[10:]} is not known: it does not run")
        result.append({"type": oci, "path": path} if path else {"type": oci})
    return [*result, {"type": "mount"}]


def sysctls(config: ContainerConfig, defaults: Mapping[str, str]) -> dict[str, str]:
    """Defaults that have a namespace to act on, and what was asked for. `Invalid` when that would change the host."""
    modes = config.get("namespaces", {})
    shared = {kind for kind in ("ipc", "net", "uts") if str(modes.get(kind, "private")) == "host"}
    joined = {kind for kind in ("ipc", "net", "uts") if str(modes.get(kind, "")).startswith(("container:", "ns:"))}
    result = {name: value for name, value in defaults.items() if _namespace_of(name) not in shared | joined}
    for name, value in config.get("sysctls", {}).items():
        kind = _namespace_of(name)
        if kind in shared:
            what = {"ipc": "IPC", "net": "Network", "uts": "UTS"}[kind]
            raise Invalid(f"sysctl {name}={value} can't be set since {what} Namespace set to host: invalid argument")
        if not kind:
            raise Invalid(f"sysctl '{name}' is not allowed")
        result[name] = value
    return result


def _namespace_of(name: str) -> str:
    if name.startswith("net."):
        return "net"
    if name in ("kernel.domainname", "kernel.hostname"):
        return "uts"
    if name.startswith("fs.mqueue.") or name in (
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax", "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ):  # fmt: skip
        return "ipc"
    return ""


class Nodes:
    """Device nodes as the spec wants them: made (with a cgroup rule), or bound where nodes cannot be made."""

    __slots__ = ("binds", "made", "rules")

    def __init__(self) -> None:
        self.made: list[dict[str, Any]] = []
        self.rules: list[dict[str, Any]] = []
        self.binds: list[dict[str, Any]] = []


def device_nodes(config: ContainerConfig, *, rootless: bool) -> Nodes:
    """All devices of a container and the rules of its devices cgroup."""
    result = Nodes()
    privileged = config.get("privileged", False)
    paths = [text for text in config.get("devices", ()) if devices.is_path(text)]
    if privileged:
        found = devices.host_devices(systemd=config.get("systemd", False))
        found += devices.parse_all([text for text in paths if _renamed(text)])
    else:
        found = devices.parse_all(paths)
    if rootless or own_userns(config):
        result.binds = [devices.bind(device) for device, _ in found if device.inside not in _STANDARD]
    else:
        result.made = [devices.node(device, info) for device, info in found if device.inside not in _STANDARD]
    if rootless:
        return result  # the devices controller is not for users
    if privileged:
        result.rules = [{"allow": True, "access": "rwm"}]
        return result
    result.rules = [{"allow": False, "access": "rwm"}]
    result.rules += [devices.parse_rule(text) for text in config.get("device_cgroup_rules", ())]
    result.rules += [devices.rule(device, info) for device, info in found]
    return result


# Every runtime makes these itself.
_STANDARD = frozenset(
    ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/console")
)


def _renamed(text: str) -> bool:
    device = devices.parse_device(text)
    return device.inside != device.host


def section(
    config: ContainerConfig, settings: Any, *, netns_path: str | None, paths: Mapping[str, str], cgroups_path: str,
    rootless: bool, nodes: Nodes, warn: Callable[[str], None],
) -> dict[str, Any]:  # fmt: skip
    """The whole ``linux`` section but seccomp."""
    masked, readonly = masked_and_readonly(
        privileged=config.get("privileged", False), mask=config.get("mask", ()), unmask=config.get("unmask", ()),
        bind_sys=rootless and not can_mount_sys(config, rootless=rootless),
    )  # fmt: skip
    if config.get("systemd") and not config.get("privileged"):
        masked.append("/sys/fs/cgroup/systemd/release_agent")
    result: dict[str, Any] = {
        "namespaces": namespaces(config, paths, netns_path),
        "maskedPaths": masked,
        "readonlyPaths": readonly,
        "resources": _resources(config, settings, cgroups_path, warn),
    }
    if nodes.rules and cgroups_path:
        result["resources"]["devices"] = nodes.rules
    if nodes.made:
        result["devices"] = nodes.made
    sysctl = sysctls(config, _default_sysctls(settings))
    if sysctl:
        result["sysctl"] = sysctl
    if cgroups_path:
        result["cgroupsPath"] = cgroups_path
    if config.get("rdt_class"):
        if not os.path.isdir("/sys/fs/resctrl/info"):  # some runtimes would start it without a word
            raise Unsupported("--rdt-class: this host has no resource control (/sys/fs/resctrl is not mounted)")
        result["intelRdt"] = {"closID": config["rdt_class"]}
    if config.get("uid_maps"):
        # Also of a namespace that is made already: runc wants to know what root is in it.
        result["uidMappings"] = config["uid_maps"]
        result["gidMappings"] = config.get("gid_maps", [])
    if config.get("personality"):
        result["personality"] = {"domain": config["personality"]}
    return result


def _resources(
    config: ContainerConfig, settings: Any, cgroups_path: str, warn: Callable[[str], None]
) -> dict[str, Any]:
    limits = config.get("resources", {})
    asked = any(value for key, value in limits.items() if key != "pids_limit")
    asked = asked or limits.get("pids_limit", 0) not in (0, -1, settings.pids_limit)
    if not cgroups_path:
        return {}
    found = cgroup_resources(limits, default_pids=settings.pids_limit)
    if asked or settings.rootless:
        from skerry.runtime.controllers import prune, require_delegated

        if settings.rootless and cgroups_path.endswith(":" + config["id"]):  # a scope of the user's systemd
            require_delegated(found, settings.uid, default_pids=settings.pids_limit)
        return prune(found, warn=warn)
    return found


def _default_sysctls(settings: Any) -> dict[str, str]:
    given = settings.default_sysctls
    if isinstance(given, dict):
        return given
    return dict(entry.split("=", 1) for entry in given)
