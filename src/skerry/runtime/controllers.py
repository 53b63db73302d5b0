"""Which of the limits that were asked for this host's control groups can set; the others are dropped with a warning.

A runtime would fail on the first file that is missing. Nothing here runs for a container without explicit limits.
"""

from __future__ import annotations

import os

from skerry.errors import Unsupported
from skerry.linux import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# (section, key) of linux.resources → what it is called, v1 controller and file, v2 controller ("" = not in v2).
_LIMITS = {
    ("memory", "limit"): ("memory limit", "memory", "memory.limit_in_bytes", "memory"),
    ("memory", "reservation"): ("memory reservation", "memory", "memory.soft_limit_in_bytes", "memory"),
    ("memory", "swap"): ("swap limit", "memory", "memory.memsw.limit_in_bytes", "memory"),
    ("memory", "swappiness"): ("memory swappiness", "memory", "memory.swappiness", ""),
    ("memory", "disableOOMKiller"): ("OOM kill disable", "memory", "memory.oom_control", ""),
    ("cpu", "shares"): ("CPU shares", "cpu", "cpu.shares", "cpu"),
    ("cpu", "quota"): ("CPU quota", "cpu", "cpu.cfs_quota_us", "cpu"),
    ("cpu", "period"): ("CPU period", "cpu", "cpu.cfs_period_us", "cpu"),
    ("cpu", "realtimeRuntime"): ("CPU real-time runtime", "cpu", "cpu.rt_runtime_us", ""),
    ("cpu", "realtimePeriod"): ("CPU real-time period", "cpu", "cpu.rt_period_us", ""),
    ("cpu", "cpus"): ("cpuset CPUs", "cpuset", "cpuset.cpus", "cpuset"),
    ("cpu", "mems"): ("cpuset memory nodes", "cpuset", "cpuset.mems", "cpuset"),
    ("pids", "limit"): ("process limit", "pids", "", "pids"),
    ("blockIO", "weight"): ("block I/O weight", "blkio", "blkio.weight", "io"),
    ("blockIO", "weightDevice"): ("block I/O weight of a device", "blkio", "blkio.weight_device", "io"),
    ("blockIO", "throttleReadBpsDevice"): ("read rate", "blkio", "blkio.throttle.read_bps_device", "io"),
    ("blockIO", "throttleWriteBpsDevice"): ("write rate", "blkio", "blkio.throttle.write_bps_device", "io"),
    ("blockIO", "throttleReadIOPSDevice"): ("read operations", "blkio", "blkio.throttle.read_iops_device", "io"),
    ("blockIO", "throttleWriteIOPSDevice"): ("write operations", "blkio", "blkio.throttle.write_iops_device", "io"),
}


def prune(resources: dict[str, Any], *, warn: Callable[[str], None]) -> dict[str, Any]:
    """``resources`` without what cannot be set here; one warning names all that was dropped."""
    unified = cgroup.is_unified()
    available = _v2_controllers() if unified else frozenset()
    dropped: list[str] = []
    for (section, key), (name, controller, file, modern) in _LIMITS.items():
        values = resources.get(section)
        if not values or key not in values:
            continue
        if (modern in available) if unified else _v1_has(controller, file):
            continue
        del values[key]
        dropped.append(name)
    if "unified" in resources and not unified:
        del resources["unified"]
        dropped.append("--cgroup-conf (needs cgroup v2)")
    if dropped:
        warn(f"this host's control groups cannot set: {', '.join(dropped)}; running without")
    return {section: values for section, values in resources.items() if values}


def require_delegated(resources: dict[str, Any], uid: int, *, default_pids: int) -> None:
    """For a container below a user's own systemd (v2): `Unsupported` for a limit whose controller the user was not
    given. Only the default limit of processes is dropped without a word, as Podman does."""
    available = _controllers_in(f"{cgroup.ROOT}/user.slice/user-{uid}.slice/user@{uid}.service")
    if not available:
        return  # another layout: the runtime will tell
    missing: dict[str, str] = {}
    for (section, key), (name, _, _, controller) in _LIMITS.items():
        if key not in (resources.get(section) or ()) or not controller or controller in available:
            continue
        if controller == "pids" and resources[section][key] == default_pids:
            del resources[section]
            continue
        missing[name] = controller
    if missing:
        names = " ".join(sorted(set(missing.values())))
        raise Unsupported(
            f"cannot set the {', '.join(missing)}: control group controllers not delegated to this user: {names}",
            hint=f"Delegate={' '.join(sorted(available | set(missing.values())))} in "
            "/etc/systemd/system/user@.service.d/delegate.conf",
        )


def _v1_has(controller: str, file: str) -> bool:
    folder = f"{cgroup.ROOT}/{controller}"
    if not file:
        return os.path.exists(folder + "/cgroup.procs")
    # The root group lacks some files that its children have.
    return os.path.exists(f"{folder}/{file}") or os.path.exists(f"{folder}/libpod_parent/{file}")


def _v2_controllers() -> frozenset[str]:
    return _controllers_in(cgroup.ROOT)


def _controllers_in(folder: str) -> frozenset[str]:
    try:
        with open(folder + "/cgroup.controllers", encoding="utf-8") as file:
            return frozenset(file.read().split())
    except OSError:
        return frozenset()
