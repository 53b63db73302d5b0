"""Limits: memory, cpu, pids, block I/O."""

from __future__ import annotations

import os
import stat

from skerry.engine.units import parse_size
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.runtime.types import Resources, ThrottleDevice

_PLAIN = (
    "oom_kill_disable", "cpu_shares", "cpu_rt_period", "cpu_rt_runtime", "cpuset_cpus",
    "cpuset_mems", "blkio_weight",
)  # fmt: skip
_QUOTA = "CPU cfs quota cannot be less than 1ms (i.e. 1000)"
_RATE = "The correct format is <device-path>:<number>. Number must be a positive integer"
_BPS = f"{_RATE[: -len('. Number must be a positive integer')]}[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
_BY_DEVICE = (
    "blkio_weight_device", "device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops",
)  # fmt: skip


def resources(options: CreateOptions, settings: Settings) -> Resources:
    """The limits asked for, and the default limit of processes."""
    result: Resources = {}
    for key in _PLAIN:
        if options.get(key):
            result[key] = options[key]  # type: ignore[literal-required]
    _memory(options, result)
    if result.get("memory_reservation", 0) > result.get("memory", 1 << 63):
        raise Invalid("minimum memory limit cannot be less than memory reservation limit, see usage")
    _cpu(options, result)
    result["pids_limit"] = options["pids_limit"] or -1 if "pids_limit" in options else settings.pids_limit
    _block_io(options, result)
    if options.get("cgroup_conf"):
        result["cgroup_conf"] = dict(_pair(item, "cgroup-conf") for item in options["cgroup_conf"])
    return result


def changed(options: CreateOptions, old: Resources) -> tuple[Resources, Resources]:
    """``skerry update``: all limits as they then are, and of these the ones that were asked for.

    What belongs together (memory and swap, quota and period) is asked for together. `Invalid`. A reservation above the
    limit is taken, as by Podman's update: the kernel heeds the limit."""
    new: Resources = {**old}
    for key in _PLAIN:
        if options.get(key):
            new[key] = options[key]  # type: ignore[literal-required]
    _memory(options, new)
    _cpu(options, new)
    if "pids_limit" in options:
        new["pids_limit"] = options["pids_limit"] or -1
    _block_io(options, new)
    for key in _BY_DEVICE:
        if key in new and old.get(key):
            new[key] = _by_device(old[key], new[key])  # type: ignore[literal-required]
    asked = {key for key in new if options.get(key) or key in ("pids_limit", "memory_swappiness") & options.keys()}
    for together in (("memory", "memory_swap"), ("cpus", "cpu_quota", "cpu_period")):
        if any(options.get(key) for key in together):
            asked.update(key for key in together if key in new)
    return new, {key: new[key] for key in sorted(asked)}  # type: ignore[literal-required,return-value]


def _by_device(old: list[Any], new: list[Any]) -> list[Any]:
    """The kernel keeps these by device: those of others stay."""
    named = {_path(item) for item in new}
    return [*(item for item in old if _path(item) not in named), *new]


def _path(item: Any) -> str:
    return str(item["path"] if isinstance(item, dict) else item[0])


def _memory(options: CreateOptions, result: Resources) -> None:
    memory = parse_size(options["memory"], "memory") if options.get("memory") else 0
    if memory:  # 0 is no limit
        result["memory"] = memory
        result["memory_swap"] = 2 * memory
    if options.get("memory_reservation"):
        result["memory_reservation"] = parse_size(options["memory_reservation"], "memory-reservation")
    swap = options.get("memory_swap")
    if swap and not (swap == "-1" and "memory" not in result):  # unlimited beside unlimited: nothing to set
        if "memory" not in result:
            raise Invalid("you should always set a memory limit when using a memoryswap limit, see usage")
        result["memory_swap"] = -1 if swap == "-1" else parse_size(swap, "memory-swap")
        if 0 <= result["memory_swap"] < result["memory"]:
            raise Invalid("minimum memoryswap limit should be larger than memory limit, see usage")
    swappiness = options.get("memory_swappiness", -1)
    if not -1 <= swappiness <= 100:
        raise Invalid(f"invalid value: {swappiness}, valid memory swappiness range is 0-100")
    if swappiness >= 0:
        result["memory_swappiness"] = swappiness


def _cpu(options: CreateOptions, result: Resources) -> None:
    cpus = options.get("cpus", 0.0)
    if cpus:
        for flag in ("cpu_period", "cpu_quota"):
            if options.get(flag):
                raise Invalid(f"--{flag.replace('_', '-')} and --cpus cannot be set together")
        if cpus < 0.01:
            raise Invalid(_QUOTA)
        result["cpu_period"] = 100000
        result["cpu_quota"] = int(cpus * 100000)
        return
    if options.get("cpu_period"):
        result["cpu_period"] = options["cpu_period"]
    if options.get("cpu_quota"):
        if 0 < options["cpu_quota"] < 1000:
            raise Invalid(_QUOTA)
        result["cpu_quota"] = options["cpu_quota"]
    for key, what in (("cpuset_cpus", "cpus"), ("cpuset_mems", "mems")):
        if options.get(key, "").strip("0123456789,- "):  # type: ignore[attr-defined]
            raise Invalid(f"invalid value {options[key]} for cpuset {what}")  # type: ignore[literal-required]


def _pair(item: str, flag: str) -> tuple[str, str]:
    head, colon, tail = item.partition("=" if flag == "cgroup-conf" else ":")
    if not colon or not head or not tail:
        if flag == "cgroup-conf":
            raise Invalid("--cgroup-conf must be formatted KEY=VALUE")
        raise Invalid(f"bad format: {item}")
    if flag != "cgroup-conf" and not head.startswith("/dev/"):
        raise Invalid(f"bad format for device path: {item}")
    return head, tail


def _block_io(options: CreateOptions, result: Resources) -> None:
    if options.get("blkio_weight_device"):
        result["blkio_weight_device"] = [
            (path, _weight(text, item)) for item in options["blkio_weight_device"]
            for path, text in [_pair(item, "blkio-weight-device")]
        ]  # fmt: skip
        for path, _ in result["blkio_weight_device"]:
            _require_block_device(path)
    for key in ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops"):
        items: list[str] = options.get(key, [])  # type: ignore[assignment]
        if items:
            result[key] = [_throttle(item, key) for item in items]  # type: ignore[literal-required]


def _throttle(item: str, key: str) -> ThrottleDevice:
    path, text = _pair(item, key.replace("_", "-"))
    if not os.path.exists(path):
        raise Invalid(f"could not parse device {path}: no such file or directory")
    if key.endswith("bps"):
        try:
            rate = parse_size(text, key)
        except Invalid:
            raise Invalid(f"invalid rate for device: {item}. {_BPS}") from None
    elif text.isascii() and text.isdigit():
        rate = int(text)
    else:
        raise Invalid(f"invalid rate for device: {item}. {_RATE}")
    _require_block_device(path)
    return {"path": path, "rate": rate}


def _require_block_device(path: str) -> None:
    """The kernel knows only the numbers, and those of a character device may be a disk's, too."""
    if os.path.exists(path) and not stat.S_ISBLK(os.stat(path).st_mode):
        raise Invalid(f"{path}: not a block device")


def _weight(text: str, item: str) -> int:
    if not (text.isascii() and text.isdigit() and 10 <= int(text) <= 1000):
        raise Invalid(f"invalid weight for device: {item}")
    return int(text)
