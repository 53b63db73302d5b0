"""``skerry stats``: what containers use, read from their control groups (v1 and v2), network namespaces and clocks."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from skerry.engine.containers import state as states
from skerry.engine.times import go_duration
from skerry.errors import Conflict, NotFound
from skerry.linux import cgroup
from skerry.linux.netns import Inside
from skerry.runtime.cgroups import real_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine

_NO_LIMIT = 1 << 60


def stats(engine: Engine, names: Sequence[str] = (), *, all: bool = False) -> list[dict[str, Any]]:
    """A row for each container with raw numbers: cpu_ns, system_ns, memory, limit, pids, network and block bytes. `NotFound`
    for a name that is none; `Conflict` for a container without a control group."""
    found = []
    for record, state in _chosen(engine, names, all=all):
        found.append(_row(record, state))
    return found


def _chosen(engine: Engine, names: Sequence[str], *, all: bool) -> Iterator[tuple[ContainerRecord, ContainerState]]:
    from skerry.engine.containers.listing import observed

    if names:
        for name in names:
            record, written = _find(engine, name)
            state = states.observe(engine, record["id"], written)
            if record["config"].get("cgroups") == "disabled":
                raise Conflict(
                    f"cannot get stats of container {record['id']} as it did not create a cgroup: "
                    "this container did not create a cgroup"
                )
            yield record, state
        return
    for record, state in observed(engine):
        if record["config"].get("cgroups") == "disabled":
            continue  # nobody counts what it uses
        if all or state["status"] in ("running", "paused"):
            yield record, state


def _find(engine: Engine, name: str) -> tuple[ContainerRecord, ContainerState]:
    try:
        return states.find(engine, name)
    except NotFound as error:
        error.message = f"unable to get list of containers: unable to look up container {name}: {error.message}"
        raise


def _row(record: ContainerRecord, state: ContainerState) -> dict[str, Any]:
    live = state["status"] in ("running", "paused")
    path = real_path(state.get("cgroup_path", ""), state["pid"]) if live else ""
    used = _group_numbers(path) if path else {}
    network = _network(state["pid"]) if live else {}
    # By the clock that nobody can set.
    began_ns = state.get("pid_start", 0) * (10**9 // os.sysconf("SC_CLK_TCK"))
    up_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - began_ns if live else 0
    return {
        "id": record["id"], "name": record["name"], "at_ns": time.time_ns(), "up_ns": up_ns,
        "cpu_ns": used.get("cpu_ns", 0), "system_ns": used.get("system_ns", 0), "memory": used.get("memory", 0),
        "limit": min(used.get("limit", _NO_LIMIT), _host_memory()), "pids": used.get("pids", 0),
        "read": used.get("read", 0), "written": used.get("written", 0), "network": network,
    }  # fmt: skip


def _group_numbers(path: str) -> dict[str, int]:
    if cgroup.is_unified():
        (tree,) = cgroup.hierarchies()
        return _v2(tree.folder(path))
    folders = {name: tree.folder(path) for tree in cgroup.hierarchies() for name in tree.controllers}
    return _v1(folders)


def _v2(folder: str) -> dict[str, int]:
    cpu = _pairs(f"{folder}/cpu.stat")
    memory = _number(f"{folder}/memory.current") - _pairs(f"{folder}/memory.stat").get("inactive_file", 0)
    blocks = _io(f"{folder}/io.stat")
    return {
        "cpu_ns": cpu.get("usage_usec", 0) * 1000, "system_ns": cpu.get("system_usec", 0) * 1000,
        "memory": max(memory, 0), "limit": min(_number(f"{part}/memory.max", _NO_LIMIT) for part in (folder, folder + "/container")),
        "pids": _number(f"{folder}/pids.current"), **blocks,
    }  # fmt: skip


def _v1(folders: dict[str, str]) -> dict[str, int]:
    memory = folders.get("memory", "")
    used = _number(f"{memory}/memory.usage_in_bytes") - _pairs(f"{memory}/memory.stat").get("total_inactive_file", 0)
    blocks = _service_bytes(f"{folders.get('blkio', '')}/blkio.throttle.io_service_bytes_recursive")
    return {
        "cpu_ns": _number(f"{folders.get('cpuacct', '')}/cpuacct.usage"),
        "system_ns": _pairs(f"{folders.get('cpuacct', '')}/cpuacct.stat").get("system", 0) * 10**7,
        "memory": max(used, 0), "limit": _number(f"{memory}/memory.limit_in_bytes", _NO_LIMIT),
        "pids": _number(f"{folders.get('pids', '')}/pids.current"), **blocks,
    }  # fmt: skip


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""  # the controller is not there, or the group has just gone


def _number(path: str, default: int = 0) -> int:
    text = _read(path).strip()
    return int(text) if text.isdigit() else default


def _pairs(path: str) -> dict[str, int]:
    rows = (line.split() for line in _read(path).splitlines())
    return {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}


def _io(path: str) -> dict[str, int]:
    total = {"read": 0, "written": 0}
    for line in _read(path).splitlines():
        for word in line.split()[1:]:
            key, _, value = word.partition("=")
            if key in ("rbytes", "wbytes") and value.isdigit():
                total["read" if key == "rbytes" else "written"] += int(value)
    return total


def _service_bytes(path: str) -> dict[str, int]:
    total = {"read": 0, "written": 0}
    for line in _read(path).splitlines():
        words = line.split()
        if len(words) == 3 and words[1] in ("Read", "Write") and words[2].isdigit():
            total["read" if words[1] == "Read" else "written"] += int(words[2])
    return total


def _host_memory() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _network(pid: int) -> dict[str, dict[str, int]]:
    """Interface → bytes, packets, errors and drops of both directions; none for one in the host's namespace."""
    try:
        if os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/self/ns/net").st_ino:
            return {}
        fd = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return {}
    try:
        with Inside(fd), open("/proc/thread-self/net/dev", encoding="ascii") as file:
            text = file.read()
    except OSError:
        return _lines(_read(f"/proc/{pid}/net/dev"))  # not ours to enter: the process shows its own
    finally:
        os.close(fd)
    return _lines(text)


def _lines(text: str) -> dict[str, dict[str, int]]:
    found = {}
    for line in text.splitlines()[2:]:
        name, _, rest = line.partition(":")
        numbers = [int(word) for word in rest.split()]
        if name.strip() != "lo" and len(numbers) >= 12:
            found[name.strip()] = {
                "RxBytes": numbers[0], "RxDropped": numbers[3], "RxErrors": numbers[2], "RxPackets": numbers[1],
                "TxBytes": numbers[8], "TxDropped": numbers[11], "TxErrors": numbers[10], "TxPackets": numbers[9],
            }  # fmt: skip
    return found


def compared(row: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """A row with Podman's keys. Its CPU is that since ``before`` (the container's last row), else since its start."""
    up_ns = max(row["up_ns"], 1)
    average = 100 * row["cpu_ns"] / up_ns
    since_ns = row["up_ns"] - before["up_ns"] if before else 0
    cpu = 100 * (row["cpu_ns"] - before["cpu_ns"]) / since_ns if before and since_ns > 0 else average
    return {
        "ContainerID": row["id"], "Name": row["name"], "CPU": cpu, "AvgCPU": average, "CPUNano": row["cpu_ns"],
        "CPUSystemNano": row["system_ns"], "SystemNano": row["at_ns"], "MemUsage": row["memory"],
        "MemLimit": row["limit"], "MemPerc": 100 * row["memory"] / row["limit"] if row["limit"] else 0,
        "Network": row["network"], "BlockInput": row["read"], "BlockOutput": row["written"], "PIDs": row["pids"],
        "UpTime": row["cpu_ns"], "Duration": row["cpu_ns"], "PerCPU": None,
        "NetInput": sum(each["RxBytes"] for each in row["network"].values()),
        "NetOutput": sum(each["TxBytes"] for each in row["network"].values()), "UpTimeText": go_duration(row["cpu_ns"]),
    }  # fmt: skip
