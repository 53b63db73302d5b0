"""``NetworkSettings`` of ``skerry container inspect``."""

from __future__ import annotations

from skerry.engine.containers.state import LIVE
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.network.types import PortMapping


def port_bindings(ports: list[PortMapping]) -> dict[str, list[dict[str, str]]]:
    """``{"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}``: ranges and protocol lists one by one."""
    found: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        for protocol in port["protocol"].split(","):
            for number in range(port["range"] or 1):
                host_port = port["host_port"] + number if port["host_port"] else 0
                found.setdefault(f"{port['container_port'] + number}/{protocol}", []).append(
                    {"HostIp": port["host_ip"] or "0.0.0.0", "HostPort": str(host_port or "")}
                )
    return found


def network_settings(engine: Engine, record: ContainerRecord, state: ContainerState) -> dict[str, Any]:
    """What the container has of the network now; published ports also while it does not run."""
    mode, _, owner = str(record["config"]["namespaces"].get("net", "")).partition(":")
    ports: dict[str, Any] = dict.fromkeys(record["exposed"] if mode not in ("host", "container") else ())
    ports.update(port_bindings(state.get("ports") or record["ports"]))
    if mode == "container":
        joined_record, joined_state = _owner(engine, owner)
        if joined_record is not None:  # it is seen as that one is, but for its ports
            return {**network_settings(engine, joined_record, joined_state), "Ports": ports}
    status = state.get("network") or {}
    joined = {request["name"]: _endpoint(engine, record, request, status) for request in record["networks"]}
    netns = state.get("netns", "")
    if mode in ("host", "none") or (mode == "pasta" and not netns):  # Podman shows no network of a pasta that runs
        joined = {mode: {**_EMPTY, "NetworkID": mode, "DriverOpts": None, "IPAMConfig": None, "Links": None}}
    if mode == "none" and state["status"] in LIVE:
        netns = f"/proc/{state['pid']}/ns/net"
    first = next(iter(joined.values()), None) if len(joined) == 1 else None
    top = {key: first[key] for key in _EMPTY} if first else dict(_EMPTY)
    if mode == "ns":
        top |= _seen(owner)
    return {
        **top,
        "Bridge": "",
        "SandboxID": "",
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": ports,
        "SandboxKey": netns,
        **({"Networks": joined} if joined else {}),
    }


_EMPTY: dict[str, Any] = {
    "EndpointID": "", "Gateway": "", "IPAddress": "", "IPPrefixLen": 0, "IPv6Gateway": "", "GlobalIPv6Address": "",
    "GlobalIPv6PrefixLen": 0, "MacAddress": "",
}  # fmt: skip


def _seen(path: str) -> dict[str, Any]:
    """What there is in a network namespace that somebody else made."""
    from skerry.network.look import look

    found: dict[str, Any] = {}
    seen = look(path)
    for subnet in seen.subnets:
        _add_address(found, subnet)
    if seen.macs:
        found["MacAddress"] = seen.macs[0]
        found["AdditionalMacAddresses"] = seen.macs[1:]
    return found


def _owner(engine: Engine, container_id: str) -> tuple[ContainerRecord | None, ContainerState]:
    from skerry.engine.containers.state import find

    try:
        return find(engine, container_id)
    except SkerryError:
        return None, {}


def _id(engine: Engine, network: str) -> str:
    """The network's id; its name when it is gone."""
    from skerry.network.definitions import load

    try:
        return load(engine.network, network)["id"]
    except SkerryError:
        return network


def _endpoint(engine: Engine, record: ContainerRecord, request: Any, status: dict[str, Any]) -> dict[str, Any]:
    from skerry.engine.containers.network import dns_names

    found: dict[str, Any] = dict(_EMPTY)
    interfaces = (status.get(request["name"]) or {}).get("interfaces") or {}
    for interface in interfaces.values():
        found["MacAddress"] = found["MacAddress"] or interface["mac_address"]
        for subnet in interface["subnets"]:
            _add_address(found, subnet)
    return {
        **found,
        "NetworkID": _id(engine, request["name"]),
        "DriverOpts": None,
        "IPAMConfig": None,
        "Links": None,
        "Aliases": list(request.get("aliases", ())),
        "DNSNames": dns_names(record, request),
    }


def _add_address(found: dict[str, Any], subnet: dict[str, str]) -> None:
    address, _, length = subnet["ipnet"].partition("/")
    gateway = subnet.get("gateway", "")
    keys = ("IPAddress", "IPPrefixLen", "Gateway")
    if ":" in address:
        keys = ("GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPv6Gateway")
    if not found.get(keys[0]):
        found[keys[0]], found[keys[1]], found[keys[2]] = address, int(length), gateway
    else:
        name = "SecondaryIPv6Addresses" if ":" in address else "SecondaryIPAddresses"
        found.setdefault(name, []).append({"Addr": address, "PrefixLength": int(length)})
