"""The shapes of this room's documents. Types only: imported under TYPE_CHECKING."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class PortMapping(TypedDict):
    """Podman's keys. ``host_port`` 0: choose one. ``range``: that many ports, counted up on both sides."""

    host_ip: str
    container_port: int
    host_port: int
    range: int
    protocol: str


class NetworkRequest(TypedDict, total=False):
    """A container's wish to join a network."""

    name: str
    static_ips: list[str]
    static_mac: str
    aliases: list[str]
    interface_name: str
    host_interface_name: str
    servers: list[str]  # what the container asks for names outside (--dns)


class LeaseRange(TypedDict):
    start_ip: str
    end_ip: str


class Subnet(TypedDict, total=False):
    subnet: str
    gateway: str
    lease_range: LeaseRange


class Route(TypedDict, total=False):
    destination: str
    gateway: str
    metric: int
    route_type: str  # unicast, or one that has no gateway: blackhole, unreachable, prohibit


class Network(TypedDict, total=False):
    """A network's definition: the file that Podman and netavark use."""

    name: str
    id: str
    driver: str
    network_interface: str
    created: str
    subnets: list[Subnet]
    routes: list[Route]
    ipv6_enabled: bool
    internal: bool
    dns_enabled: bool
    network_dns_servers: list[str]
    labels: dict[str, str]
    options: dict[str, str]
    ipam_options: dict[str, str]
    dns_addresses: list[str]  # in the leases only: where the names of an unmanaged bridge are answered
    host_mtu: int  # in the leases only: that of the way out when the bridge was made, where it is not the usual one


class LeasedInterface(TypedDict):
    network: str
    network_id: str
    bridge: str
    veth: str  # the host's end; empty where there is none (macvlan)
    name: str
    mac: str
    ips: list[str]  # ADDRESS/PREFIX
    dns: bool


class Lease(TypedDict):
    """What a container holds of this host's network. Written before the kernel gets any of it."""

    container: str
    name: str
    store: str
    netns: str
    mount_namespace: int
    interfaces: list[LeasedInterface]
    ports: list[PortMapping]
    names: list[list[str]]
    servers: NotRequired[list[str]]  # what its networks' name servers ask on its behalf
    hidden: NotRequired[bool]  # unhealthy: not among those who share a name


Status = dict[str, Any]  # netavark's: network → {interfaces, dns_server_ips, dns_search_domains}
