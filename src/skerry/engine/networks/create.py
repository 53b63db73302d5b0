"""``skerry network create``."""

from __future__ import annotations

import os
import time

from skerry.engine.networks.options import check_interface, check_servers, driver_options, refuse_overlaps, refuse_taken
from skerry.engine.networks.options import route as parse_route
from skerry.errors import Conflict, Invalid, OutOfSpace, Unavailable
from skerry.linux.netlink import route
from skerry.network import bridge, definitions, direct
from skerry.network.addresses import Net, is_address, pack
from skerry.network.setup import Host
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, TypedDict

    from skerry.engine.engine import Engine
    from skerry.linux.netlink.message import Netlink
    from skerry.network.context import NetworkContext
    from skerry.network.types import Network, Subnet

    class NetworkOptions(TypedDict, total=False):
        """The flags of ``network create``."""

        driver: str
        subnets: list[str]
        gateways: list[str]
        ip_ranges: list[str]
        internal: bool
        ipv6: bool
        disable_dns: bool
        dns: list[str]
        labels: dict[str, str]
        options: dict[str, str]
        routes: list[str]
        interface_name: str
        ignore: bool
        ipam_driver: str  # host-local, none


def create(engine: Engine, name: str, options: NetworkOptions) -> dict[str, Any]:
    """Define a network; nothing of it exists in the kernel until a container joins."""
    context = engine.network
    with engine.store.lock("network", "create"):
        existing = definitions.all_networks(context)
        if name:
            _check_name(name)
            taken = next((network for network in existing if network["name"] == name), None)
            if taken is not None and options.get("ignore"):
                return dict(taken)
            if taken is not None:
                raise Conflict(f"netavark: network already exists {name}")  # its words; scripts compare the line
        network = _choose_and_save(context, existing, name, options, engine.settings.conf["network"])
    engine.events.emit(
        type="network", status="create", id=network["id"], network=network["name"],
        attributes={"driver": network["driver"]},
    )  # fmt: skip
    return dict(network)


def _choose_and_save(
    context: NetworkContext, existing: list[Network], name: str, options: NetworkOptions, conf: dict[str, Any]
) -> Network:
    """Subnets that were chosen are noted for the host's other stores. (A user's networks are seen by nobody else.)"""
    if context.shared:
        netlink = route.open_route()
        try:
            network = _define(netlink, existing, name, options, conf, [])
        finally:
            netlink.close()
        step("network.create")
        definitions.save(context, network)
        return network
    try:
        with Host(context) as host:
            network = _define(host.netlink, existing, name, options, conf, [Net(net) for net in host.leases.reserved()])
            step("network.create")
            definitions.save(context, network)
            for subnet in network.get("subnets") or ():
                host.leases.reserve(subnet["subnet"], definitions.path(context, network["name"]))
    except OSError as error:
        raise Unavailable(f"cannot create the network {name}: {error}") from error
    return network


def _check_name(name: str) -> None:
    try:
        definitions.check_name(name)
    except Invalid:
        rule = definitions.NAME_RULE
        raise Invalid(f'Invalid characters in network name "{name}": must match {rule}') from None
    if name in ("bridge", "container", "default", "host", "none", "ns", "pasta", "private", "slirp4netns"):
        raise Invalid(f'cannot create network with name "{name}" because it conflicts with a valid network mode')


def _define(
    netlink: Netlink, existing: list[Network], name: str, options: NetworkOptions, conf: dict[str, Any],
    others: list[Net],
) -> Network:  # fmt: skip
    driver = options.get("driver") or "bridge"
    if driver != "bridge" and driver not in direct.MODES:
        raise Invalid(f'failed to find driver or plugin "{driver}"', hint="bridge, macvlan or ipvlan")
    settings, interface = driver_options(options.get("options") or {}, driver)
    interface = interface or options.get("interface_name", "")
    # A bridge that is the host's, or has several VLANs, may serve several networks.
    managed = settings.get("mode") != bridge.UNMANAGED and "vlan" not in settings
    if driver == "bridge":
        interface = _interface(netlink, existing, interface, managed=managed)
    else:
        interface = _parent(netlink, settings, interface)
    name = name or next(n for n in (f"skerry{i}" for i in range(1, 100000)) if n not in {e["name"] for e in existing})
    subnets = _subnets(netlink, existing, options, conf, others, own=interface if not managed else "")
    dns = driver == "bridge" and bool(subnets) and not options.get("disable_dns")
    check_servers(options.get("dns", ()), dns=dns)
    network: Network = {
        "name": name, "id": os.urandom(32).hex(), "driver": driver, "network_interface": interface,
        "created": _now(), **({"subnets": subnets} if subnets else {}),  # type: ignore[typeddict-item]
        "ipv6_enabled": bool(options.get("ipv6")) or any(":" in subnet["subnet"] for subnet in subnets),
        "internal": bool(options.get("internal")), "dns_enabled": dns,
    }  # fmt: skip
    if options.get("routes"):
        network["routes"] = [parse_route(item) for item in options["routes"]]
    if options.get("dns"):
        network["network_dns_servers"] = list(options["dns"])
    if options.get("labels"):
        network["labels"] = options["labels"]
    if settings:
        network["options"] = settings
    network["ipam_options"] = {"driver": "host-local" if subnets else "none"}
    return network


def _now() -> str:
    ns = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ns // 10**9)) + f".{ns % 10**9:09d}Z"


def _parent(netlink: Netlink, settings: dict[str, str], given: str) -> str:
    """The interface of the host that a macvlan or ipvlan network is on; empty: that of the default route."""
    parent = settings.pop("parent", "") or given
    if given and parent != given:
        raise Invalid(f"parent {parent} and interface name {given} are not the same")
    if parent and not route.link_index(netlink, parent):
        raise Invalid(f"parent interface {parent} does not exist")
    return parent


def _interface(netlink: Netlink, existing: list[Network], wanted: str, *, managed: bool) -> str:
    networks, links = {network["network_interface"] for network in existing}, set(route.links(netlink).values())
    if wanted:
        check_interface(wanted)
        if managed:  # else it is somebody's, and may serve several networks
            refuse_taken(wanted, networks | links)
        return wanted
    # Other stores' networks may not be up: a random name, not a number that each store would count up alike.
    while True:
        name = "skerry" + os.urandom(4).hex()
        if name not in networks | links:
            return name


def _subnets(
    netlink: Netlink, existing: list[Network], options: NetworkOptions, conf: dict[str, Any], others: list[Net],
    *, own: str,
) -> list[Subnet]:  # fmt: skip
    """``others``: what other stores' networks have. It is not chosen, but may be given: they may never be up together.
    ``own``: a link of the host that has the subnet, of an unmanaged network."""
    gateways, ranges = list(options.get("gateways", ())), list(options.get("ip_ranges", ()))
    for gateway in gateways:
        if not is_address(gateway):
            words = f"invalid string being converted to IP address: {gateway}"
            raise Invalid(f'invalid argument "{gateway}" for "--gateway" flag: {words}')
    given = [Net(text) for text in options.get("subnets", ())]
    if not given and (gateways or ranges):
        raise Invalid("cannot set gateway or range without subnet")
    for name, several in (("gateways", gateways), ("ranges", ranges)):
        if len(several) > len(given):
            raise Invalid(f"cannot set more {name} than subnets")
    refuse_overlaps(given)
    used = [Net(subnet["subnet"]) for network in existing for subnet in network.get("subnets") or ()]
    straight = options.get("driver", "bridge") in direct.MODES  # its subnet is that of the host's own network
    for net in given:
        if straight:
            continue
        clash = not own and any(net.overlaps(other) for other in used)
        if clash or bridge.foreign_overlap(netlink, net, own):
            raise Conflict(f"subnet {net.given}/{net.prefix} is already used on the host or by another config")
        used.append(net)
    subnets = [
        _subnet(net, gateways[n] if n < len(gateways) else "", ranges[n] if n < len(ranges) else "")
        for n, net in enumerate(given)
    ]
    sizes = {net.size for net in given}
    if options.get("ipam_driver") == "none":
        if given:
            raise Invalid("None ipam driver is set but subnets are given")
        return []
    if not given and options.get("driver", "bridge") in direct.MODES:
        if options["driver"] == "ipvlan":
            raise Invalid("ipam driver dhcp is not supported with ipvlan", hint="--subnet, or --ipam-driver none")
        raise Invalid(
            f"a {options['driver']} network needs the subnet of its parent's network: there is no DHCP client",
            hint="--subnet 192.168.1.0/24 --ip-range 192.168.1.200-192.168.1.220, or --ipam-driver none",
        )
    if 4 not in sizes and (not given or options.get("ipv6")):
        subnets.append(_subnet(_free(netlink, [*used, *others], _pools(conf)), "", ""))
    if options.get("ipv6") and 16 not in sizes:
        subnets.append(_subnet(_free(netlink, [*used, *others], _random_v6()), "", ""))
    return subnets


def _pools(conf: dict[str, Any]) -> Iterator[Net]:
    for pool in conf.get("default_subnet_pools") or [{"base": "10.89.0.0/16", "size": 24}]:
        base, size = Net(pool["base"]), int(pool["size"])
        for first in range(base.first, base.last + 1, 1 << (8 * base.size - size)):
            yield Net(f"{base.address(first)}/{size}")


def _random_v6() -> Iterator[Net]:
    for _ in range(1000):
        raw = b"\xfd" + os.urandom(7) + bytes(8)
        yield Net(f"{Net('::/0').address(int.from_bytes(raw, 'big'))}/64")


def _free(netlink: Netlink, used: list[Net], candidates: Iterator[Net]) -> Net:
    for net in candidates:
        if not any(net.overlaps(other) for other in used) and not bridge.foreign_overlap(netlink, net, ""):
            return net
    raise OutOfSpace("could not find free subnet from subnet pools")


def _subnet(net: Net, gateway: str, lease_range: str) -> Subnet:
    if net.last - net.first < 3:
        raise Invalid(f"subnet {net} is too small")
    if gateway and not net.holds(pack(gateway)):
        raise Invalid(f"gateway {gateway} not in subnet {net}")
    subnet: Subnet = {"subnet": str(net), "gateway": gateway or net.address(net.first + 1)}
    if lease_range:
        start, dash, end = lease_range.partition("-")
        if not dash:
            inner = Net(lease_range)
            start, end = inner.address(inner.first + 1), inner.address(inner.last)
        for which, address in (("start", start), ("end", end)):
            if not is_address(address):
                raise Invalid(f'range {which} ip "{address}" is not a ip address')
        for which, address in (("start", start), ("end", end)):
            if not net.holds(pack(address)):
                raise Invalid(f"lease range {which}_ip {address} not in subnet {net}")
        subnet["lease_range"] = {"start_ip": start, "end_ip": end}
    return subnet
