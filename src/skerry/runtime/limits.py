"""rlimits, the OOM score, and cgroup limits as the OCI spec wants them, cut to what this host allows."""

from __future__ import annotations

import os
import resource

from skerry.errors import Invalid, Unsupported
from skerry.linux.capability import has
from skerry.linux.cgroup import ROOT, is_unified

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.runtime.types import Resources

_DEFAULT = 1048576  # Podman's default of nofile and nproc, where the host has so much to give
_KINDS = {
    "core": resource.RLIMIT_CORE, "cpu": resource.RLIMIT_CPU, "data": resource.RLIMIT_DATA,
    "fsize": resource.RLIMIT_FSIZE, "locks": 10, "memlock": resource.RLIMIT_MEMLOCK,
    "msgqueue": resource.RLIMIT_MSGQUEUE, "nice": resource.RLIMIT_NICE, "nofile": resource.RLIMIT_NOFILE,
    "nproc": resource.RLIMIT_NPROC, "rss": resource.RLIMIT_RSS, "rtprio": resource.RLIMIT_RTPRIO,
    "rttime": resource.RLIMIT_RTTIME, "sigpending": resource.RLIMIT_SIGPENDING, "stack": resource.RLIMIT_STACK,
}  # fmt: skip
_INFINITY = 2**64 - 1


def parse_ulimit(text: str) -> tuple[str, int, int]:
    """``NAME=SOFT[:HARD]`` → (name, soft, hard); -1 is unlimited. `Invalid` in Podman's words."""
    try:
        return _parse_ulimit(text)
    except ValueError as error:
        raise Invalid(f'ulimit option "{text}" requires name=SOFT:HARD, failed to be parsed: {error}') from None


def _parse_ulimit(text: str) -> tuple[str, int, int]:
    name, equals, values = text.partition("=")
    name = name.lower().removeprefix("rlimit_")
    if not equals:
        raise ValueError(f"invalid ulimit argument: {text}")
    if name not in _KINDS:
        raise ValueError(f"invalid ulimit type: {name}")
    parts = values.split(":")
    if len(parts) > 2:
        raise ValueError(f"too many limit value arguments - {values}, can only have up to two, `soft[:hard]`")
    for part in parts:
        if not (part.isascii() and part.removeprefix("-").isdecimal()):
            raise ValueError(f'strconv.ParseInt: parsing "{part}": invalid syntax')
    soft, hard = _limit(parts[0]), _limit(parts[-1])
    if soft > hard:
        raise ValueError(
            "ulimit soft limit must be less than or equal to hard limit: "
            f"soft: {_shown(parts[0])}, hard: {_shown(parts[-1])}"
        )
    return name, soft, hard


def _shown(text: str) -> str:
    return f"{text} (unlimited)" if text == "-1" else text


def _limit(text: str) -> int:
    value = int(text)
    return _INFINITY if value < 0 else min(value, _INFINITY)


def rlimits(ulimits: Sequence[str], *, warn: Callable[[str], None]) -> list[dict[str, Any]]:
    """The OCI ``process.rlimits``.

    nofile and nproc default to Podman's values, cut silently to the host's hard limits. What the user asked for
    beyond a hard limit that we may not raise is cut with a warning. ``host`` alone: the limits of this process."""
    if "host" in ulimits:
        return []
    asked = {name: (soft, hard) for name, soft, hard in map(parse_ulimit, ulimits)}
    result = []
    for name, (soft, hard) in asked.items():
        ceiling = _ceiling(name)
        if hard > ceiling:
            warn(
                f"ulimit {name}: {_show(hard)} is above this host's limit, using {_show(ceiling)} (raising it needs CAP_SYS_RESOURCE)"
            )
        result.append(_rlimit(name, min(soft, ceiling), min(hard, ceiling)))
    for name in ("nofile", "nproc"):
        if name not in asked:
            value = min(_DEFAULT, _unsigned(resource.getrlimit(_KINDS[name])[1]))
            result.append(_rlimit(name, value, value))
    return result


def _rlimit(name: str, soft: int, hard: int) -> dict[str, Any]:
    return {"type": f"RLIMIT_{name.upper()}", "hard": hard, "soft": soft}


def _ceiling(name: str) -> int:
    """The highest hard limit that this process can set."""
    hard = _unsigned(resource.getrlimit(_KINDS[name])[1])
    if not _may_raise():
        return hard
    # Even root cannot go beyond fs.nr_open.
    return max(hard, _number_in("/proc/sys/fs/nr_open")) if name == "nofile" else _INFINITY


def _may_raise() -> bool:
    # In a user namespace the capability means nothing for rlimits: the kernel asks in the initial one.
    return has("CAP_SYS_RESOURCE") and _in_initial_userns()


def _in_initial_userns() -> bool:
    try:
        with open("/proc/self/uid_map", "rb") as file:
            return file.read().split() == [b"0", b"0", b"4294967295"]
    except OSError:
        return True


def _number_in(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0


def _unsigned(limit: int) -> int:
    return _INFINITY if limit == resource.RLIM_INFINITY else limit


def _show(limit: int) -> str:
    return "unlimited" if limit == _INFINITY else str(limit)


def oom_score_adj(wanted: int | None, *, warn: Callable[[str], None]) -> int | None:
    """``wanted``, or the lowest that this process may give to another (its own) when that is higher."""
    if wanted is None:
        return None
    if not -1000 <= wanted <= 1000:
        raise Invalid(f"--oom-score-adj value {wanted} is out of range (-1000..1000)")
    own = _signed_number_in("/proc/self/oom_score_adj")
    if wanted >= own or _may_raise():
        return wanted
    warn(f"oom-score-adj: {wanted} is below this process's own, using {own} (lowering it needs CAP_SYS_RESOURCE)")
    return own


def _signed_number_in(path: str) -> int:
    try:
        with open(path, "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return -1000


def cgroup_resources(limits: Resources, *, default_pids: int) -> dict[str, Any]:
    """The OCI ``linux.resources`` without devices: only what was asked for, and the default pids limit."""
    result: dict[str, Any] = {}
    for section, values in (("memory", _memory(limits)), ("cpu", _cpu(limits)), ("blockIO", _block_io(limits))):
        if values:
            result[section] = values
    pids = limits.get("pids_limit", 0) or default_pids
    if pids > 0:
        result["pids"] = {"limit": pids}
    if limits.get("cgroup_conf"):
        result["unified"] = dict(limits["cgroup_conf"])
    return result


def _memory(limits: Resources) -> dict[str, Any]:
    names = (("limit", "memory"), ("reservation", "memory_reservation"), ("swap", "memory_swap"),
             ("swappiness", "memory_swappiness"), ("disableOOMKiller", "oom_kill_disable"))  # fmt: skip
    found = _pick(limits, names)
    if limits.get("memory_swappiness") == 0:
        found["swappiness"] = 0
    if found.get("disableOOMKiller") is False:
        del found["disableOOMKiller"]
    # Podman's default, and silently none where the kernel does not account for swap.
    if "limit" in found and found.get("swap", 2 * found["limit"]) == 2 * found["limit"]:
        found["swap"] = 2 * found["limit"]
        if not swap_is_counted():
            del found["swap"]
    return found


def swap_is_counted() -> bool:
    """Whether a limit of memory and swap together can be set."""
    return is_unified() or os.path.exists(f"{ROOT}/memory/memory.memsw.limit_in_bytes")


def weight_is_possible() -> bool:
    """Whether block I/O can be weighted: v1 has a file for it with some schedulers only."""
    return is_unified() or os.path.exists(f"{ROOT}/blkio/blkio.weight")


def _cpu(limits: Resources) -> dict[str, Any]:
    if limits.get("cpu_quota", 0) < 0:
        limits = {**limits, "cpu_quota": 0}  # none is what a new group has, and crun 1.8 cannot write the -1
    return _pick(limits, (("shares", "cpu_shares"), ("period", "cpu_period"), ("quota", "cpu_quota"),
                          ("realtimePeriod", "cpu_rt_period"), ("realtimeRuntime", "cpu_rt_runtime"),
                          ("cpus", "cpuset_cpus"), ("mems", "cpuset_mems")))  # fmt: skip


def _pick(limits: Resources, names: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {oci: limits[ours] for oci, ours in names if limits.get(ours) not in (None, "", 0)}  # type: ignore[literal-required]


def _block_io(limits: Resources) -> dict[str, Any]:
    from skerry.runtime.devices import numbers

    result: dict[str, Any] = {}
    if limits.get("blkio_weight"):
        result["weight"] = limits["blkio_weight"]
    weights = []
    for path, weight in limits.get("blkio_weight_device", ()):
        major, minor = numbers(path)
        weights.append({"major": major, "minor": minor, "weight": weight})
    if weights:
        result["weightDevice"] = weights
    for ours, oci in (("device_read_bps", "throttleReadBpsDevice"), ("device_write_bps", "throttleWriteBpsDevice"),
                      ("device_read_iops", "throttleReadIOPSDevice"), ("device_write_iops", "throttleWriteIOPSDevice")):  # fmt: skip
        rows = []
        for row in limits.get(ours, ()):  # type: ignore[attr-defined]
            major, minor = numbers(row["path"])
            rows.append({"major": major, "minor": minor, "rate": row["rate"]})
        if rows:
            result[oci] = rows
    return result


def without_cgroup(limits: Resources, *, default_pids: int, cgroup_v2: bool, warn: Callable[[str], None]) -> None:
    """A container that has no control group cannot be limited: say so when a limit was asked for.

    As Podman: a user's limits are ignored with a warning on cgroup v1, which delegates nothing to users by itself, and
    are an error (`Unsupported`) on v2, where a user session has them."""
    asked = [
        name.replace("_", "-")
        for name, value in limits.items()
        if value and name != "memory_swap" and not (name == "pids_limit" and value in (-1, default_pids))
    ]
    if not asked:
        return
    if not cgroup_v2:
        warn("Resource limits are not supported and ignored on cgroups V1 rootless systems")
        return
    raise Unsupported(
        f"cannot limit {', '.join(asked)}: this user may not make control groups here",
        hint="run it in a systemd user session (loginctl enable-linger), or without limits",
    )
