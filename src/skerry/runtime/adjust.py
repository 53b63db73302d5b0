"""Other limits for a running container: what its runtime changes, and what runtimes leave to us.

crun takes the whole of the spec's resources; runc takes no block I/O but the weight, and no swappiness (it says nothing
of those that it leaves out); runsc takes none.
"""

from __future__ import annotations

import os

from skerry.errors import Invalid, Unsupported
from skerry.linux import cgroup
from skerry.runtime import oci
from skerry.runtime.limits import cgroup_resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from skerry.runtime.oci import Runtime
    from skerry.runtime.types import Resources

_THROTTLES = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device", "rbps"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device", "wbps"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device", "riops"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device", "wiops"),
)
_UNLIMITED: Resources = {
    "memory": -1, "memory_swap": -1, "memory_reservation": -1, "cpu_quota": -1, "cpu_period": 100000,
    "cpu_shares": 1024, "pids_limit": -1,
}  # fmt: skip


def adjust(runtime: Runtime, container_id: str, limits: Resources, *, pid: int) -> None:
    """Give a running container these limits; others stay. `Unsupported`: the runtime can't; `Invalid`: the kernel
    refuses one of them, and those before it are in force."""
    if runtime.quirks.updates == "none":
        raise Unsupported(f"{runtime.name} cannot change the limits of a running container")
    document = cgroup_resources(limits, default_pids=0)
    if document:
        oci.update(runtime, container_id, document)
    if runtime.quirks.updates == "common":
        _write_the_rest(document, pid)
    _lift(limits, pid)


def _lift(limits: Resources, pid: int) -> None:
    """What is to be unlimited from now on, where crun 1.8 cannot write the -1."""
    if limits.get("pids_limit", 0) >= 0 and limits.get("cpu_quota", 0) >= 0:
        return
    folders = dict(_folders(pid))
    if limits.get("pids_limit", 0) < 0:
        _write(folders.get("pids") or folders.get("", ""), "pids.max", "max")
    if limits.get("cpu_quota", 0) < 0:
        if "cpu" in folders:
            _write(folders["cpu"], "cpu.cfs_quota_us", "-1")
        else:
            _write(folders.get("", ""), "cpu.max", "max")


def before(old: Resources, touched: Resources) -> Resources:
    """The limits that undo ``touched``: what each was, or none. What cannot be unset is left out."""
    undo: Resources = {}
    for key in touched:
        value = old.get(key) or _UNLIMITED.get(key)
        if value:
            undo[key] = value  # type: ignore[literal-required]
    return undo


def _write_the_rest(document: dict[str, Any], pid: int) -> None:
    folders = dict(_folders(pid))
    swappiness = document.get("memory", {}).get("swappiness")
    if swappiness is not None and "memory" in folders:
        _write(folders["memory"], "memory.swappiness", str(swappiness))
    for key, old_file, new_name in _THROTTLES:
        for row in document.get("blockIO", {}).get(key, ()):
            device = f"{row['major']}:{row['minor']}"
            if "blkio" in folders:
                _write(folders["blkio"], old_file, f"{device} {row['rate']}")
            elif "" in folders:
                _write(folders[""], "io.max", f"{device} {new_name}={row['rate']}")


def _folders(pid: int) -> Iterator[tuple[str, str]]:
    """The groups of a process: controller (v2: none) → folder."""
    paths = cgroup.own_paths(pid)
    for tree in cgroup.hierarchies():
        if tree.v2:
            yield "", tree.folder(paths.get("", "/"))
        for name in tree.controllers:
            where = next((path for names, path in paths.items() if name in names.split(",")), "")
            if where:
                yield name, tree.folder(where)


def _write(folder: str, file: str, text: str) -> None:
    try:
        fd = os.open(f"{folder}/{file}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)
    except OSError as error:
        raise Invalid(f"write to {file}: {error.strerror}") from None
