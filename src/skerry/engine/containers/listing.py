"""``skerry ps``: one row for each container.

A row costs one look at the database and, where the container should be alive, one at /proc. What is rarely shown
(sizes, long texts) is a function that is called only when a format asks for it.
"""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine import times
from skerry.engine.containers import state as states
from skerry.engine.health import has_check
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.network.types import PortMapping

# Podman's key in JSON: the kernel's name, and Podman's field in templates
_NAMESPACES = {
    "Mnt": ("mnt", "MNT"), "Cgroup": ("cgroup", "CGROUPNS"), "Ipc": ("ipc", "IPC"), "Net": ("net", "NET"),
    "Pidns": ("pid", "PIDNS"), "Uts": ("uts", "UTS"), "User": ("user", "USERNS"),
}  # fmt: skip
_NAMESPACE_FIELDS = {field: key for key, (_, field) in _NAMESPACES.items()} | {"Cgroup": "Cgroup", "User": "User"}
# .Namespaces' own fields
_IN_NAMESPACES = {
    "MNT": "Mnt", "Cgroup": "Cgroup", "IPC": "Ipc", "NET": "Net", "PIDNS": "Pidns", "UTS": "Uts", "User": "User",
}  # fmt: skip
Pair = "tuple[ContainerRecord, ContainerState]"
SORTS = ("command", "created", "id", "image", "names", "pod", "runningfor", "size", "status")


def observed(engine: Engine) -> list[tuple[ContainerRecord, ContainerState]]:
    """Every container with its state as it is now, oldest first."""
    rows = engine.store.db.query("SELECT id, doc, state FROM containers ORDER BY created_ns")
    pairs = []
    for id_, doc, text in rows:
        written = fastjson.loads(text)
        state = states.observe(engine, id_, written)
        if state is not written and states.is_unnoticed(state):
            from skerry.engine import supervisor

            supervisor.notice(engine, id_)
        pairs.append((fastjson.loads(doc), state))
    return [_whole(engine, *pair) if pair[1].get("publishing") else pair for pair in pairs]


def _whole(engine: Engine, record: ContainerRecord, state: ContainerState) -> tuple[ContainerRecord, ContainerState]:
    """Its ports are just being changed, or were when a command was killed."""
    from skerry.engine.containers.update import finished

    return finished(engine, record, state)


def select(
    engine: Engine, *, all: bool = False, filters: list[str] | None = None, last: int = 0
) -> list[tuple[ContainerRecord, ContainerState]]:
    """The containers that ``skerry ps`` with these flags shows, oldest first."""
    pairs = observed(engine)
    if filters:
        from skerry.engine.containers.filters import matcher

        matches = matcher(engine, filters)
        pairs = [pair for pair in pairs if matches(*pair)]
    if last > 0:
        return pairs[-last:]
    by_state = any(item.partition("=")[0] in ("status", "exited") for item in filters or ())
    if all or by_state:
        return pairs
    return [pair for pair in pairs if pair[1]["status"] == "running"]  # Podman hides paused ones, too


def list_containers(
    engine: Engine, *, all: bool = False, filters: list[str] | None = None, last: int = 0, size: bool = False,
    sort: str = "",
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows with Podman's JSON keys (``podman ps --format json``)."""
    pairs = sorted_pairs(engine, select(engine, all=all, filters=filters, last=last), sort)
    return [json_row(engine, record, state, size=size) for record, state in pairs]


def sorted_pairs(
    engine: Engine, pairs: list[tuple[ContainerRecord, ContainerState]], sort: str
) -> list[tuple[ContainerRecord, ContainerState]]:
    """In the order of ``--sort``; the given order (oldest first) without one."""
    if not sort:
        return pairs
    if sort not in SORTS:
        raise Invalid(f"invalid option for sort: {sort}", hint=", ".join(SORTS))
    keys: dict[str, Any] = {
        "command": lambda pair: " ".join(pair[0]["command"]),
        "created": lambda pair: pair[0]["created_ns"],
        "id": lambda pair: pair[0]["id"],
        "image": lambda pair: pair[0]["image"],
        "names": lambda pair: pair[0]["name"],
        "pod": lambda pair: pair[0].get("pod", ""),
        "runningfor": lambda pair: pair[1].get("started_ns", 0),
        "status": lambda pair: pair[1]["status"],
        "size": lambda pair: sizes(engine, pair[0])[0],
    }
    return sorted(pairs, key=keys[sort])


def json_row(
    engine: Engine, record: ContainerRecord, state: ContainerState, *, size: bool = False, ns: bool = False
) -> dict[str, Any]:  # fmt: skip
    """One container as ``--format json`` shows it."""
    row: dict[str, Any] = {
        "AutoRemove": record["auto_remove"],
        "Command": record["command"] or record["entrypoint"],
        "CreatedAt": times.ago(record["created_ns"]),
        "CIDFile": record.get("cid_file", ""),
        "Exited": state["status"] == "exited",
        "ExitedAt": state.get("finished_ns", 0) // 10**9 or times.ZERO_SECONDS,
        "ExitCode": state.get("exit_code", 0),
        "ExposedPorts": _exposed(record),
        "Id": record["id"],
        "Image": record["image"],
        "ImageID": record["image_id"],
        "IsInfra": False,
        "Labels": record["config"].get("labels") or None,
        "Mounts": [mount["destination"] for mount in record["config"]["mounts"]],
        "Names": [record["name"]],
        "Namespaces": namespaces(state) if ns else {},
        "Networks": network_names(record),
        "Pid": state.get("pid", 0),
        "Pod": record["pod"],
        "PodName": "",
        "Ports": state.get("ports") or record["ports"] or None,
        "Restarts": state.get("restarts", 0),
        "Size": None,
        "StartedAt": state.get("started_ns", 0) // 10**9 or times.ZERO_SECONDS,
        "State": state["status"],
        "Status": status_text(state, health_status(engine, record, state)),
        "Created": record["created_ns"] // 10**9,
    }
    if size:
        written, root = sizes(engine, record)
        row["Size"] = {"rootFsSize": root, "rwSize": written}
    return row


def _exposed(record: ContainerRecord) -> dict[str, list[str]] | None:
    ports: dict[str, list[str]] = {}
    for item in record["exposed"]:
        number, _, protocol = item.partition("/")
        ports.setdefault(number, []).append(protocol)
    return ports or None


def table_row(engine: Engine, record: ContainerRecord, state: ContainerState, *, truncate: bool) -> dict[str, Any]:
    """One container as tables and templates show it: Podman's template fields, values as text."""
    command = " ".join(record["command"] or record["entrypoint"])
    created_ns = record["created_ns"]
    return {
        "ID": record["id"][:12] if truncate else record["id"],
        "Names": record["name"],
        "Image": record["image"],
        "ImageID": record["image_id"][:12] if truncate else record["image_id"],
        "Command": command[:17] + "..." if truncate and len(command) > 17 else command,
        "CreatedAt": lambda: times.go_string(created_ns),
        "CreatedHuman": lambda: times.ago(created_ns),
        "RunningFor": lambda: times.ago(created_ns),
        "Created": lambda: times.go_string(created_ns),
        "Status": status_text(state, health_status(engine, record, state)),
        "State": state["status"],
        "Ports": lambda: ports_text(state.get("ports") or record["ports"], record["exposed"]),
        "Size": lambda: size_text(engine, record),
        "Mounts": [mount["destination"] for mount in record["config"]["mounts"]],
        "Networks": lambda: ",".join(network_names(record)),
        "Labels": lambda: ",".join(f"{key}={value}" for key, value in sorted(record["config"]["labels"].items())),
        "Label": lambda name: record["config"]["labels"].get(name, ""),
        "Pid": state.get("pid", 0),
        "Pod": record["pod"],
        "PodName": "",
        "ExitCode": state.get("exit_code", 0),
        "Exited": state["status"] == "exited",
        "ExitedAt": state.get("finished_ns", 0) // 10**9 or times.ZERO_SECONDS,
        "StartedAt": state.get("started_ns", 0) // 10**9 or times.ZERO_SECONDS,
        **{field: _namespace(state, key) for field, key in _NAMESPACE_FIELDS.items()},
        "Namespaces": lambda: _of_process(state),
        "AutoRemove": record["auto_remove"],
        "CIDFile": record.get("cid_file", ""),
        "ExposedPorts": lambda: {int(port): protocols for port, protocols in (_exposed(record) or {}).items()},
        "IsInfra": False,
        "Restarts": state.get("restarts", 0),
    }


def namespaces(state: ContainerState) -> dict[str, str]:
    """The numbers of its process's namespaces, by Podman's keys; none without a process."""
    found = {}
    for key, (name, _field) in _NAMESPACES.items():
        try:
            found[key] = os.readlink(f"/proc/{state.get('pid', 0)}/ns/{name}").partition("[")[2].rstrip("]")
        except OSError:
            continue
    return found


def _namespace(state: ContainerState, key: str) -> Callable[[], str]:
    return lambda: namespaces(state).get(key, "")


def _of_process(state: ContainerState) -> dict[str, str]:
    found = namespaces(state)
    return {field: found.get(key, "") for field, key in _IN_NAMESPACES.items()}


def health_status(engine: Engine, record: ContainerRecord, state: ContainerState) -> str:
    """``healthy``, ``starting``, …; of one that ended: as it was then. Empty without a check, or as long as none ran."""
    if "healthcheck" not in record["config"] or not has_check(record["config"]):
        return ""
    from skerry.engine.health import results

    found = results.seen(engine, record, state)["status"]
    return "" if found == "starting" and state["status"] not in states.LIVE else found


def status_text(state: ContainerState, health: str = "") -> str:
    """``Up 3 minutes``, ``Up 3 minutes (healthy)``, ``Exited (1) 2 hours ago (unhealthy)``, ``Created``, …"""
    status = state["status"]
    now = time.time_ns()
    if status == "running":
        text = "Up " + times.human_duration((now - state.get("started_ns", now)) / 1e9)
    elif status == "exited":
        since = times.human_duration((now - (state.get("finished_ns") or now)) / 1e9)
        text = f"Exited ({state.get('exit_code', 0)}) {since} ago"
    else:
        text = status.capitalize()
    return f"{text} ({health})" if health else text


def network_names(record: ContainerRecord) -> list[str]:
    """The networks' names; for other modes the mode's, as Podman shows none for them."""
    return [request["name"] for request in record["networks"]]


def ports_text(ports: list[PortMapping], exposed: list[str]) -> str:
    """``0.0.0.0:8080->80/tcp, 443/tcp``, neighbours joined to ranges."""
    parts = []
    published = set()
    for port in _joined(ports):
        host_ip, count = port["host_ip"] or "0.0.0.0", port["range"] - 1
        first, inside, protocol = port["host_port"], port["container_port"], port["protocol"]
        published |= {f"{inside + n}/{protocol}" for n in range(count + 1)}
        if count:
            parts.append(f"{host_ip}:{first}-{first + count}->{inside}-{inside + count}/{protocol}")
        else:
            parts.append(f"{host_ip}:{first}->{inside}/{protocol}")
    return ", ".join(parts + _exposed_ranges([item for item in exposed if item not in published]))


def _exposed_ranges(exposed: list[str]) -> list[str]:
    """``80/tcp``, ``90-92/tcp``, ``100/udp``: by protocol and number, neighbours joined."""
    ranges: list[tuple[str, int, int]] = []  # protocol, first, last
    for protocol, number in sorted((item.partition("/")[2], int(item.partition("/")[0])) for item in exposed):
        if ranges and ranges[-1][0] == protocol and ranges[-1][2] == number - 1:
            ranges[-1] = (protocol, ranges[-1][1], number)
        else:
            ranges.append((protocol, number, number))
    return [f"{first}{f'-{last}' if last > first else ''}/{protocol}" for protocol, first, last in ranges]


def _joined(ports: list[PortMapping]) -> list[PortMapping]:
    result: list[PortMapping] = []
    for port in sorted(ports, key=lambda port: (port["protocol"], port["host_ip"], port["host_port"])):
        last = result[-1] if result else None
        if (
            last is not None
            and (last["protocol"], last["host_ip"]) == (port["protocol"], port["host_ip"])
            and last["host_port"] + last["range"] == port["host_port"]
            and last["container_port"] + last["range"] == port["container_port"]
        ):
            result[-1] = {**last, "range": last["range"] + port["range"]}
        else:
            result.append(port)
    return result


def sizes(engine: Engine, record: ContainerRecord) -> tuple[int, int]:
    """(bytes that the container wrote, those plus its image's)."""
    from skerry.engine.disk_usage import tree_size
    from skerry.engine.images.resolve import by_id

    written = tree_size(states.folder(engine, record["id"], "upper"))
    image = by_id(engine, record["image_id"]) if record["image_id"] else None
    return written, written + (image["size"] if image else 0)


def size_text(engine: Engine, record: ContainerRecord) -> str:
    """``12.3kB (virtual 4.57MB)``."""
    from skerry.engine.units import human_size

    written, root = sizes(engine, record)
    return f"{human_size(written)} (virtual {human_size(root)})"
