"""Capabilities, masked and read-only paths: what a container may do and see by default, as in Podman."""

from __future__ import annotations

import os

from skerry.errors import Invalid
from skerry.linux.capability import NAMES, bounding_set

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_CAPS = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_SETFCAP",
    "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT",
)  # fmt: skip

MASKED_PATHS = (
    "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats", "/sys/dev/block", "/sys/devices/virtual/powercap", "/sys/firmware",
    "/sys/fs/selinux",
)  # fmt: skip
_CPUS = "/sys/devices/system/cpu"  # each one's thermal_throttle is masked: a side channel
READONLY_PATHS = ("/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def normalize(names: Sequence[str]) -> list[str]:
    """Names with or without ``CAP_``, in any case, as the kernel writes them, sorted; ``ALL`` stays.

    `Invalid` for an unknown one."""
    result = set()
    for given in names:
        name = given.upper()
        if name != "ALL":
            name = name if name.startswith("CAP_") else f"CAP_{name}"
            if name not in NAMES:
                raise Invalid(f'"{name}": unknown capability')
        result.add(name)
    return sorted(result)


def merge_capabilities(base: Sequence[str], add: Sequence[str], drop: Sequence[str]) -> list[str]:
    """``base`` with ``--cap-add`` and ``--cap-drop`` applied, limited to what this host can give, sorted."""
    adds, drops, possible = normalize(add), normalize(drop), bounding_set()
    if "ALL" in drops:
        if "ALL" in adds:
            raise Invalid("adding all caps and removing all caps not allowed")
        return [name for name in adds if name in possible]
    for name in adds:
        if name in drops:
            raise Invalid(f'capability "{name}" cannot be dropped and added')
    wanted = set(possible) if "ALL" in adds else set(normalize(base)) | set(adds)
    return sorted(name for name in wanted if name in possible and name not in drops)


def capabilities(
    *,
    privileged: bool,
    add: Sequence[str],
    drop: Sequence[str],
    defaults: Sequence[str],
    uid: int,
    only: Sequence[str] = (),
) -> dict[str, list[str]]:
    """The OCI ``process.capabilities``.

    As in Podman a process of another user than root starts with only what was explicitly added (and keeps it
    across execve as ambient capabilities); the bounding set is what setuid programs could gain."""
    bounding = sorted(bounding_set()) if privileged else merge_capabilities(defaults, add, drop)
    if only and not privileged:
        bounding = [name for name in bounding if name in only]
    sets = {"bounding": bounding, "effective": bounding, "permitted": bounding}
    if uid != 0:
        own = merge_capabilities((), add, ())
        own = [name for name in own if name in bounding]
        sets = {"bounding": bounding, "effective": own, "permitted": own}
        if own:
            sets |= {"inheritable": own, "ambient": own}
    return sets


def masked_and_readonly(
    *, privileged: bool, mask: Sequence[str], unmask: Sequence[str], bind_sys: bool = False
) -> tuple[list[str], list[str]]:
    """The OCI ``maskedPaths`` and ``readonlyPaths``.

    ``mask`` and ``unmask`` are lists of absolute paths or ``:``-separated lists of them; unmask knows ``ALL`` and
    shell patterns."""
    patterns = [part for given in unmask for part in given.split(":") if part]
    everything = any(part.upper() == "ALL" for part in patterns)
    masked: list[str] = []
    readonly: list[str] = []
    if not privileged and not everything:
        masked = [path for path in (*MASKED_PATHS, *_thermal_paths()) if not _matches(path, patterns)]
        readonly = [path for path in READONLY_PATHS if not _matches(path, patterns)]
    if bind_sys and not everything:
        masked.append("/sys/kernel")
    for given in mask:
        for path in given.split(":"):
            if path and not path.startswith("/"):
                raise Invalid(f'mask: "{path}" is not an absolute path')
            if path and path not in masked:
                masked.append(path)
    return masked, readonly


def _thermal_paths() -> list[str]:
    if not os.path.exists(f"{_CPUS}/cpu0/thermal_throttle"):
        return []  # most virtual machines, and one system call instead of many
    names = [name for name in os.listdir(_CPUS) if name.startswith("cpu") and name[3:].isdecimal()]
    return [f"{_CPUS}/{name}/thermal_throttle" for name in sorted(names, key=lambda name: int(name[3:]))]


def _matches(path: str, patterns: Sequence[str]) -> bool:
    return any(
        path == pattern or (any(char in pattern for char in "*?[") and _glob(path, pattern)) for pattern in patterns
    )


def _glob(path: str, pattern: str) -> bool:
    from fnmatch import fnmatchcase  # only for patterns: it imports re

    # As in Go's path.Match a wildcard stays within one component.
    names, parts = path.split("/"), pattern.split("/")
    return len(names) == len(parts) and all(fnmatchcase(name, part) for name, part in zip(names, parts, strict=True))
