"""Joining containers to bridge networks and taking them off again.

Order of a set-up: lease (addresses, ports, names) → bridge → pair → firewall → DNS; `tear_down` undoes it from the
lease alone, so whatever a killed command had made is found and removed by `sweep` or by the next `tear_down`.
"""

from __future__ import annotations

import os

from skerry.errors import Conflict, Invalid, Unavailable
from skerry.linux import netns as namespaces
from skerry.linux.netlink import route
from skerry.network import bridge, definitions, direct, firewall
from skerry.network import ports as host_ports
from skerry.network.addresses import Net, pack, parse_mac, unpack
from skerry.network.leases import Leases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from skerry.linux.netlink.message import Netlink
    from skerry.network.context import NetworkContext
    from skerry.network.reserve import Reserved
    from skerry.network.types import Lease, LeasedInterface, Network, NetworkRequest, PortMapping, Status

    Joined = tuple[LeasedInterface, Network]


class SetUp:
    """``status`` is netavark's document (network → interfaces, DNS); ``ports`` have their host ports chosen, which
    ``reserved`` keeps from others: the container's monitor gets it."""

    __slots__ = ("ports", "reserved", "status")

    def __init__(self, status: Status, ports: list[PortMapping], reserved: Reserved | None = None) -> None:
        self.status, self.ports, self.reserved = status, ports, reserved


class Host:
    """This host's network: an rtnetlink socket, the leases (locked while the block lasts), the firewall."""

    __slots__ = ("context", "firewall", "leases", "netlink")

    def __init__(self, context: NetworkContext) -> None:
        self.context = context
        self.netlink: Netlink = route.open_route()
        self.leases = Leases(context.host_dir, self.netlink.cookie())
        self.firewall = firewall.Firewall()

    def reserved(self) -> Reserved | None:
        """What keeps host ports; None where nothing does: in a user's namespace, or when the user wants none."""
        if self.context.outer is not None or not self.context.reserve_ports:
            return None
        from skerry.network.reserve import Reserved

        return Reserved(listens=self.context.listen_on_ports)

    def __enter__(self) -> Host:
        self.leases.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self.leases.__exit__(kind, error, trace)
        self.netlink.close()
        self.firewall.close()


def set_up(
    context: NetworkContext, container_id: str, name: str, netns_path: str, networks: list[NetworkRequest],
    ports: list[PortMapping],
) -> SetUp:  # fmt: skip
    """Join a container's namespace to networks.

    `NotFound`: no such network; `Conflict`: address or port taken; `OutOfSpace`: no address left. After an error, or
    killed anywhere, nothing but the lease tells what there is, and `tear_down` removes it."""
    if context.shared:
        from skerry.network import shared

        return SetUp(*shared.set_up(context, container_id, name, netns_path, networks, ports))
    wanted = [(request, definitions.load(context, request["name"])) for request in networks]
    try:
        with Host(context) as host:
            if host.leases.get(container_id) is not None:
                _release(host, container_id)
            reserved = host.reserved()
            try:
                return _join(host, container_id, name, netns_path, wanted, ports, reserved)
            except BaseException:
                if reserved is not None:
                    reserved.close()
                _release(host, container_id)
                raise
    except OSError as error:
        raise Unavailable(f"cannot set up the network: {error}") from error


def _join(
    host: Host, container_id: str, name: str, netns_path: str, wanted: list[tuple[NetworkRequest, Network]],
    ports: list[PortMapping], reserved: Reserved | None,
) -> SetUp:  # fmt: skip
    joined: list[Joined] = []
    lease: Lease = {
        "container": container_id, "name": name, "store": host.context.run_dir, "netns": netns_path,
        "mount_namespace": os.stat("/proc/thread-self/ns/mnt").st_ino, "interfaces": [], "ports": [], "names": [],
    }  # fmt: skip
    servers = next((request["servers"] for request, _ in wanted if request.get("servers")), None)
    if servers:
        lease["servers"] = servers
    if ports:
        lease["ports"] = host_ports.assign(ports, host.leases.ports(), reserved)
        if reserved is not None:
            reserved.flush()
    given = {request.get("interface_name") for request, _ in wanted}
    free = (number for number in range(2 * len(wanted)) if f"eth{number}" not in given)
    for request, definition in wanted:
        network = resolve(host, definition)
        item = interface(host, lease, request, network, 0 if request.get("interface_name") else next(free))
        lease["interfaces"].append(item)
        lease["names"].append(list(dict.fromkeys([name, container_id[:12], *request.get("aliases", ())])))
        joined.append((item, network))
    if len({item["name"] for item, _ in joined}) < len(joined):
        raise Invalid("two networks cannot have the same interface name")
    # The lease first: it names all that is claimed after it, so that killed anywhere it tells what to give back.
    host.leases.put(lease)
    for port in lease["ports"]:
        host.leases.claim_port(host_ports.claim(port), container_id)
    for item in lease["interfaces"]:
        for ip in item["ips"]:
            host.leases.claim(item["bridge"], ip.partition("/")[0], container_id)
    _apply(host, lease, joined)
    return SetUp(status(joined), lease["ports"], reserved)


def _apply(host: Host, lease: Lease, joined: list[Joined]) -> None:
    connected = []
    for item, network in joined:
        connected.append((item, network, connect_bridge(host, network)))
    bridge.connect(host.netlink, lease["netns"], connected, published=bool(lease["ports"]))
    open_firewall(host, lease, [network for _, network in joined])
    if any(item["dns"] for item, _ in joined):
        from skerry.network import dns

        dns.update(host.context, host.leases)


def connect_bridge(host: Host, network: Network) -> int:
    """The number of the network's bridge, made where it is missing; or of the host's interface in its place."""
    if direct.is_direct(network):
        return direct.parent(host.netlink, network)
    index, made = bridge.ensure(host.netlink, network)
    if not bridge.is_managed(network) and network.get("dns_enabled"):
        network["dns_addresses"] = bridge.own_addresses(host.netlink, network, index)
        host.leases.put_bridge(network)
    if made:
        bridge.note_mtu(host.netlink, network)
        if network.get("host_mtu"):
            host.leases.put_bridge(network)
        _admit(host.context, network)
    return index


def _admit(context: NetworkContext, network: Network) -> None:
    from skerry.network import foreign

    if not network.get("internal"):
        six = any(":" in subnet["subnet"] for subnet in network.get("subnets") or ())
        foreign.admit(context, network["network_interface"], ipv6=six)


def open_firewall(host: Host, lease: Lease, networks: list[Network]) -> None:
    """Let the rules act on the networks and on the lease's ports, in a new table if there is none."""
    wanted = firewall.port_elements(lease["ports"], targets(lease))
    for network in networks:
        # Subnets and names of bridges stay while the bridge does; adding them again is no error and costs 20 µs.
        if not host.firewall.add(firewall.network_elements(network), exclusive=False):
            host.firewall.create(host.context.helper("nft"))
            restore_firewall(host, but=lease["container"])
            host.firewall.add(firewall.network_elements(network), exclusive=False)
    try:
        if not host.firewall.add(wanted):  # networks without rules of their own did not ask for the table
            host.firewall.create(host.context.helper("nft"))
            restore_firewall(host, but=lease["container"])
            host.firewall.add(wanted)
    except FileExistsError:
        # No lease has these ports, so a killed command left the elements.
        host.firewall.delete(wanted)
        host.firewall.add(wanted)


def restore_firewall(host: Host, but: str = "") -> None:
    """Put every lease's elements into a new table (another tool flushed the rules, or this is the first container)."""
    for network in host.leases.bridges():
        host.firewall.add(firewall.network_elements(network), exclusive=False)
    for container in host.leases.containers():
        lease = host.leases.get(container)
        if lease is not None and container != but:
            host.firewall.add(firewall.port_elements(lease["ports"], targets(lease)), exclusive=False)


def addresses(lease: Lease) -> list[str]:
    """Of all its interfaces, in their order."""
    return [ip.partition("/")[0] for item in lease["interfaces"] for ip in item["ips"]]


def targets(lease: Lease) -> list[str]:
    """The addresses that published ports can lead to."""
    return [ip.partition("/")[0] for item in lease["interfaces"] if item["veth"] for ip in item["ips"]]


def resolve(host: Host, network: Network) -> Network:
    """The network as it is on this host: the default one may have had to take another subnet."""
    if direct.is_direct(network):
        options = {"parent": network["network_interface"], **network.get("options", {})}
        network = {**network, "network_interface": direct.lease_name(network), "options": options}
        host.leases.put_bridge(network)
        return network
    if network["driver"] != "bridge":
        raise Invalid(f"unsupported driver {network['driver']} of the network {network['name']}")
    known = host.leases.bridge(network["network_interface"])
    if known is not None and known["id"] == network["id"]:
        if (
            known.get("subnets") == network.get("subnets")
            or network["network_interface"] == definitions.DEFAULT_INTERFACE
        ):
            return known
    elif known is not None and not host.leases.unused(network["network_interface"]):
        raise Conflict(
            f"the interface {network['network_interface']} of the network {network['name']} is in use by the network "
            f"{known['name']} of another store"
        )
    if network["network_interface"] == definitions.DEFAULT_INTERFACE:
        network = _free_default(host, network)
    elif known is None and bridge.is_managed(network):
        for subnet in network.get("subnets") or ():
            if bridge.foreign_overlap(host.netlink, Net(subnet["subnet"]), network["network_interface"]):
                raise Conflict(
                    f"subnet {subnet['subnet']} of the network {network['name']} is already used on the host"
                )
    host.leases.put_bridge(network)
    return network


def _free_default(host: Host, network: Network) -> Network:
    """The default network moves aside when another link (podman0, a VPN) has its subnet."""
    own = network["network_interface"]
    for candidate in [network["subnets"][0]["subnet"], *(f"10.{n}.0.0/16" for n in range(89, 256))]:
        net = Net(candidate)
        if not bridge.foreign_overlap(host.netlink, net, own):
            return {**network, "subnets": [{"subnet": str(net), "gateway": net.address(net.first + 1)}]}
    raise Conflict("could not find free subnet from subnet pools")


def interface(host: Host, lease: Lease, request: NetworkRequest, network: Network, number: int) -> LeasedInterface:
    """What a container gets on a network: addresses, names, MAC. Nothing is claimed yet."""
    container_id, ips = lease["container"], _choose_addresses(host, lease, request, network)
    mac = request.get("static_mac") or _mac()
    parse_mac(mac)
    inner = request.get("interface_name") or f"eth{number}"
    if len(inner) > 15 or "/" in inner or not inner.isprintable() or " " in inner or inner in (".", "..", "lo"):
        raise Invalid(f"invalid interface name {inner!r}")
    # Of each set-up its own: after a restart the kernel may not have taken the last one away yet.
    veth = "" if direct.is_direct(network) else f"sk{container_id[:7]}{os.urandom(2).hex()}{number:02x}"
    if veth and request.get("host_interface_name"):
        veth = request["host_interface_name"]
        if route.link_index(host.netlink, veth):
            raise Conflict(f"the host has an interface {veth} already")
    return {
        "network": network["name"], "network_id": network["id"], "bridge": network["network_interface"], "veth": veth,
        "name": inner, "mac": mac.lower().replace("-", ":"), "ips": ips, "dns": bool(network.get("dns_enabled")),
    }  # fmt: skip


def _choose_addresses(host: Host, lease: Lease, request: NetworkRequest, network: Network) -> list[str]:
    static = [(text, pack(text)) for text in request.get("static_ips", ())]
    ips = []
    for subnet in network.get("subnets") or ():
        net = Net(subnet["subnet"])
        wanted = [item for item in static if net.holds(item[1])]
        if not wanted:
            ips.append(f"{host.leases.next_free(network, subnet, addresses(lease))}/{net.prefix}")
        for given in wanted:
            static.remove(given)
            address = unpack(given[1])
            number = int.from_bytes(given[1], "big")
            if address == subnet.get("gateway") or number == net.first or (net.size == 4 and number == net.last):
                raise Conflict(f"IPAM error: requested ip address {address} is the gateway or is not a host's address")
            host.leases.require_free(network["network_interface"], address, lease["container"])
            ips.append(f"{address}/{net.prefix}")
    if static:
        raise Invalid(f"requested static ip {static[0][0]} not in any subnet on network {network['name']}")
    return ips


def _mac() -> str:
    """A random unicast address of the local kind, as netavark's."""
    raw = os.urandom(6)
    return bytes([raw[0] & 0xFC | 2, *raw[1:]]).hex(":")


def status(joined: list[Joined]) -> Status:
    """netavark's document."""
    status: Status = {}
    for item, network in joined:
        known = [(Net(subnet["subnet"]), subnet.get("gateway", "")) for subnet in network.get("subnets") or ()]
        gateways = [gateway for _, gateway in known]
        subnets: list[dict[str, str]] = []
        for ip in item["ips"]:
            packed = pack(ip.partition("/")[0])
            gateway = next((gateway for net, gateway in known if net.holds(packed)), "")
            subnets.append({"ipnet": ip, **({"gateway": gateway} if gateway and not network.get("internal") else {})})
        status[network["name"]] = {
            "dns_search_domains": ["dns.podman"] if item["dns"] else [],
            "dns_server_ips": (network.get("dns_addresses") or [*filter(None, gateways)]) if item["dns"] else [],
            "interfaces": {item["name"]: {"subnets": subnets, "mac_address": item["mac"]}},
        }
    return status


def tear_down(context: NetworkContext, container_id: str) -> None:
    """Give back all that a container holds of the network. Idempotent. The namespace itself is the caller's."""
    if context.shared:
        from skerry.network import shared

        return shared.tear_down(context, container_id)
    try:
        with Host(context) as host:
            bridges = _release(host, container_id)
            idle = any(host.leases.unused(name) for name in bridges)
        if idle:
            from skerry.network.idle import remove_later

            remove_later(context, host.leases.folder)
    except OSError as error:
        raise Unavailable(f"cannot take down the network: {error}") from error


def _release(host: Host, container_id: str) -> list[str]:
    """The names of the bridges that it was on."""
    lease = host.leases.get(container_id)
    if lease is None:
        return []
    host.firewall.delete(firewall.port_elements(lease["ports"], targets(lease)))
    for port in lease["ports"]:
        host.leases.free_port(host_ports.claim(port), container_id)
    for item in lease["interfaces"]:
        for ip in item["ips"]:
            host.leases.free(item["bridge"], ip.partition("/")[0], container_id)
    host.leases.drop(container_id)
    if any(item["dns"] for item in lease["interfaces"]):
        from skerry.network import dns

        dns.update(host.context, host.leases)
    return [item["bridge"] for item in lease["interfaces"]]


def sweep(context: NetworkContext, live_ids: Collection[str]) -> list[str]:
    """Remove what dead containers left: leases of this store without a living container, of any store without a
    namespace, claims without a lease, bridges without containers. One line for each."""
    if context.shared:
        from skerry.network import shared

        return shared.call(context, "sweep", list(live_ids)) or []
    done: list[str] = []
    try:
        with Host(context) as host:
            mounts = os.stat("/proc/thread-self/ns/mnt").st_ino
            for container in host.leases.containers():
                lease = host.leases.get(container)
                mine = lease is None or (lease["store"] == context.run_dir and container not in live_ids)
                if lease is not None and not mine:
                    mine = lease["mount_namespace"] == mounts and not namespaces.is_namespace(lease["netns"])
                if mine:
                    _sweep_lease(host, container, lease)
                    done.append(f"network lease of container {container[:12]}")
            done += _sweep_claims(host)
            done += remove_unused(host)
    except OSError as error:
        raise Unavailable(f"cannot sweep the network: {error}") from error
    return done


def _sweep_lease(host: Host, container: str, lease: Lease | None) -> None:
    if lease is None:
        host.leases.drop(container)
        return
    veths = [item["veth"] for item in lease["interfaces"] if item["veth"]]
    _release(host, container)
    for veth in veths:
        bridge.remove(host.netlink, veth)
    if lease["store"] == host.context.run_dir:
        namespaces.remove(lease["netns"])


def _sweep_claims(host: Host) -> list[str]:
    host.leases.drop_unfinished()
    done, known = [], set(host.leases.containers())
    for name, address, container in host.leases.holdings():
        if container not in known:
            host.leases.free(name, address, container)
            done.append(f"address {address} on {name}")
    for claim in host.leases.ports():
        holder = host.leases.port_holder(claim)
        if holder not in known:
            host.leases.free_port(claim, holder)
            done.append(f"port {claim[2]}/{claim[0]}")
    return done


def remove_unused(host: Host) -> list[str]:
    """Remove bridges without containers. The firewall's table stays: making it anew is what a first container waits for."""
    done = []
    for network in host.leases.bridges():
        name = network["network_interface"]
        if host.leases.unused(name):
            host.firewall.delete(firewall.network_elements(network))
            host.leases.drop_bridge(name)
            if bridge.is_managed(network):
                bridge.remove(host.netlink, name)
                done.append(f"bridge {name}")
    return done


def remove_idle(context: NetworkContext, gone: str = "") -> list[str]:
    """Remove bridges that no container of any store is on; one line for each. ``gone``: whose network is removed."""
    if context.shared:
        from skerry.network import shared

        return shared.call(context, "remove_idle", gone) or []
    try:
        with Host(context) as host:
            done = remove_unused(host)
            if gone:
                host.leases.forget_network(gone)
            return done
    except OSError as error:
        raise Unavailable(f"cannot remove the network: {error}") from error


def set_servers(context: NetworkContext, network: Network) -> None:
    """The name servers that a network's own asks, where the network is in use."""
    try:
        with Host(context) as host:
            known = host.leases.bridge(network["network_interface"])
            if known is not None and known["id"] == network["id"]:
                host.leases.put_bridge({**known, "network_dns_servers": network["network_dns_servers"]})
                from skerry.network import dns

                dns.update(context, host.leases)
    except OSError as error:
        raise Unavailable(f"cannot change the network: {error}") from error


def forget_host(context: NetworkContext) -> list[str]:
    """Remove bridges that nobody uses and, when no store of this host has a container on a network, the firewall's
    table. One line for what was removed. For ``system reset``."""
    if context.shared:
        from skerry.network import shared

        return shared.call(context, "forget_host") or []
    from skerry.network import foreign

    try:
        with Host(context) as host:
            bridges = [network["network_interface"] for network in host.leases.bridges()]
            done = remove_unused(host)
            if not host.leases.containers():
                foreign.retract(context, [foreign.OWN, *bridges])
                if host.firewall.remove():
                    done.append("nftables table inet skerry")
            return done
    except OSError as error:
        raise Unavailable(f"cannot remove the network: {error}") from error


def leased_by(context: NetworkContext) -> list[str]:
    """The ids of the containers of this store (its ``run_dir``) that hold a lease. Changes nothing."""
    if context.shared:
        from skerry.network import shared

        return shared.call(context, "leased_by") or []
    try:
        with Host(context) as host:
            leases = [(container, host.leases.get(container)) for container in host.leases.containers()]
    except OSError as error:
        raise Unavailable(f"cannot read the network's leases: {error}") from error
    return [container for container, lease in leases if lease is not None and lease["store"] == context.run_dir]
