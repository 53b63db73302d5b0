"""Bridges and the pairs of interfaces between them and containers: what is wanted → rtnetlink."""

from __future__ import annotations

import errno
import os

from skerry.errors import Conflict, Invalid, NotFound, SkerryError, Unavailable
from skerry.linux.netlink import route
from skerry.linux.netns import Inside
from skerry.network.addresses import Net, pack, parse_mac, unpack
from skerry.store.steps import step as mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.linux.netlink.message import Netlink
    from skerry.network.types import LeasedInterface, Network


UNMANAGED = "unmanaged"
_USUAL_MTU = 1500


def is_managed(network: Network) -> bool:
    """Whether the bridge is ours; an unmanaged one is the host's, with its own addresses and rules (--opt mode=)."""
    return network["driver"] == "bridge" and network.get("options", {}).get("mode") != UNMANAGED


def ensure(netlink: Netlink, network: Network) -> tuple[int, bool]:
    """(number of the bridge, whether it was made now). Repeating is harmless. `NotFound`: an unmanaged one."""
    name = network["network_interface"]
    index = route.link_index(netlink, name)
    vlan = network.get("options", {}).get("vlan")
    if index:
        if vlan:
            _send(netlink, route.filter_vlans(index), f"make the bridge {name} filter VLANs")
        return index, False
    if not is_managed(network):
        raise NotFound(f"in unmanaged mode, the bridge must already exist on the host: there is no {name}")
    step = "bridge"
    try:
        mark("network.bridge")
        master = _vrf(netlink, network)
        made = route.new_bridge(name, b"\x02" + os.urandom(5), mtu(network), filters_vlans=bool(vlan), master=master)
        netlink.send([made], name)
        index = route.link_index(netlink, name)
        changes = []
        for subnet in network.get("subnets") or ():
            if subnet.get("gateway"):
                changes.append(route.new_address(index, pack(subnet["gateway"]), Net(subnet["subnet"]).prefix, name))
        changes.append(route.set_up(index))
        _sysctls(name, network)
        step = "address of the bridge"
        netlink.send(changes, name)
    except OSError as error:
        lacks = error.errno == errno.EOPNOTSUPP and bool(vlan)
        reason = "this kernel's bridges do not filter VLANs" if lacks else error.strerror
        raise Unavailable(f"cannot make the {step} {name}: {reason}") from error
    return index, True


def _vrf(netlink: Netlink, network: Network) -> int:
    """The number of the VRF that the bridge belongs to (--opt vrf=); 0 without."""
    name = network.get("options", {}).get("vrf", "")
    if not name:
        return 0
    index, kind = route.link_kind(netlink, name)
    if not index:
        raise NotFound(f"get vrf to set up bridge interface: there is no link {name}")
    if kind != "vrf":
        raise Invalid(f"vrf {name} already exists but is a {kind or 'physical'} interface")
    return index


def _send(netlink: Netlink, change: bytes, what: str) -> None:
    try:
        netlink.send([change])
    except OSError as error:
        raise Unavailable(f"cannot {what}: {error.strerror}") from error


def own_addresses(netlink: Netlink, network: Network, index: int) -> list[str]:
    """Those of an unmanaged bridge, at which its names can be answered. `Invalid`, in netavark's words, without any."""
    found = [unpack(address) for link, address, _ in route.addresses(netlink) if link == index]
    usable = [text for text in found if not text.startswith("fe80:")]
    if not usable:
        raise Invalid(
            f"bridge '{network['network_interface']}' in unmanaged mode has no usable IP addresses. Aardvark-dns requires at "
            "least one address (should not be an IPv6 link-local address) to bind to. Please add an IP address or disable "
            "DNS for this network (--disable-dns)."
        )
    return usable


def note_mtu(netlink: Netlink, network: Network) -> None:
    """Where the network names no MTU, its containers have that of the host's way out, as with Podman."""
    if network.get("options", {}).get("mtu") or network.get("internal"):
        return
    for index in route.default_routes(netlink)[:1]:
        size = route.link_mtu(netlink, index)
        if size not in (0, _USUAL_MTU):
            network["host_mtu"] = size


def mtu(network: Network) -> int:
    """The network's MTU; 0 for the kernel's own."""
    text = network.get("options", {}).get("mtu", str(network.get("host_mtu", 0)))
    if not text.isdigit():
        raise Invalid(f"invalid mtu {text!r} of the network {network['name']}")
    return int(text)


def _sysctls(name: str, network: Network) -> None:
    """What the host has to do for a bridge: forward, and route 127.0.0.1's published ports into it."""
    wanted = [(f"ipv4/conf/{name}/route_localnet", "1"), (f"ipv4/conf/{name}/rp_filter", "2")]
    six = any(":" in subnet["subnet"] for subnet in network.get("subnets") or ())
    if not network.get("internal"):
        wanted.append(("ipv4/ip_forward", "1"))
        if six:
            wanted.append(("ipv6/conf/all/forwarding", "1"))
    wanted.append((f"ipv6/conf/{name}/accept_dad", "0") if six else (f"ipv6/conf/{name}/disable_ipv6", "1"))
    for path, value in wanted:
        _sysctl(path, value)


def _sysctl(path: str, value: str) -> None:
    try:
        fd = os.open("/proc/sys/net/" + path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return  # no IPv6 in this kernel, or a read-only /proc/sys whose owner has set it already
    try:
        if os.read(fd, 16).strip() != value.encode():
            os.pwrite(fd, value.encode(), 0)
    except OSError as error:
        raise Unavailable(f"cannot set net/{path}: {error.strerror}") from error
    finally:
        os.close(fd)


def connect(
    netlink: Netlink,
    netns: str,
    wanted: list[tuple[LeasedInterface, Network, int]],
    *,
    published: bool = False,
    first: int = 0,
) -> None:
    """Make the pairs, then in the container's namespace: links up, addresses, routes. Two sends a container.

    ``first``: how many networks it has already; each one's default route counts less than those before."""
    fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pairs = [_new_link(item, network, index, fd) for item, network, index in wanted]
        if published:
            pairs += [route.hairpin(item["veth"]) for item, _, _ in wanted if item["veth"]]
        try:
            mark("network.pair")
            netlink.send(pairs, netns)
        except OSError as error:
            raise _not_made(error, wanted) from error
        for item, network, _ in wanted:
            if vlan := network.get("options", {}).get("vlan"):
                port = route.link_index(netlink, item["veth"])
                _send(netlink, route.join_vlan(port, int(vlan)), f"join VLAN {vlan}")
        with Inside(fd):
            inner = route.open_route()
            _inner_sysctls(wanted)
        try:
            _configure(inner, wanted, first)
        except OSError as error:
            raise Unavailable(f"cannot configure the container's network: {error.strerror}") from error
        finally:
            inner.close()
    finally:
        os.close(fd)


def _new_link(item: LeasedInterface, network: Network, index: int, netns: int) -> bytes:
    """The container's interface with what it hangs on (``index``): a pair to the bridge, or a child of the parent."""
    mac = parse_mac(item["mac"])
    if item["veth"]:
        return route.new_veth(item["veth"], index, item["name"], netns, mac, mtu(network))
    from skerry.network import direct

    driver = network["driver"]
    options = network.get("options", {})
    cutoff = int(options["bclim"]) if "bclim" in options else None
    mode = direct.mode(driver, options)
    return route.new_child(driver, item["name"], index, mode, netns, mac, mtu(network), cutoff=cutoff)


def _not_made(error: OSError, wanted: list[tuple[LeasedInterface, Network, int]]) -> SkerryError:
    names = ", ".join(item["name"] for item, _, _ in wanted)
    if error.errno == errno.EOPNOTSUPP:
        kinds = ", ".join(dict.fromkeys(network["driver"] for _, network, _ in wanted))
        return Unavailable(f"cannot make the interface {names}: this kernel has no {kinds}")
    if error.errno == errno.EEXIST:
        return Conflict(f"create veth pair: interface {names} already exists on container namespace")
    return Unavailable(f"cannot make the interface {names}: {error.strerror}")


def _inner_sysctls(wanted: list[tuple[LeasedInterface, Network, int]]) -> None:
    for item, network, _ in wanted:
        if is_managed(network):
            # Others shall know at once who has the address now; and with several networks an answer may go another way
            # than its question came, which a host that filters strictly would have its containers refuse.
            _sysctl(f"ipv4/conf/{item['name']}/arp_notify", "1")
            _sysctl(f"ipv4/conf/{item['name']}/rp_filter", "2")
        if any(":" in ip for ip in item["ips"]):
            _sysctl(f"ipv6/conf/{item['name']}/autoconf", "0")


def _configure(inner: Netlink, wanted: list[tuple[LeasedInterface, Network, int]], first: int) -> None:
    changes = [route.set_up(1)]
    for number, (item, network, _) in enumerate(wanted, first):
        index = route.link_index(inner, item["name"])
        changes.append(route.set_up(index))
        for ip in item["ips"]:
            address, _, prefix = ip.partition("/")
            changes.append(route.new_address(index, pack(address), int(prefix)))
        if not network.get("internal") and network.get("options", {}).get("no_default_route") not in ("1", "true"):
            metric = int(network.get("options", {}).get("metric", 100)) + number
            gateways = [pack(subnet["gateway"]) for subnet in network.get("subnets") or () if subnet.get("gateway")]
            # One way out of each family, the first subnet's.
            for gateway in {len(gateway): gateway for gateway in reversed(gateways)}.values():
                changes.append(route.new_route(index, gateway, metric=metric))
        for extra in network.get("routes") or ():
            net = Net(extra["destination"])
            start, metric = net.first.to_bytes(net.size, "big"), int(extra.get("metric") or 100)
            kind = extra.get("route_type", "")
            if kind in route.REFUSALS:
                changes.append(route.new_refusal(kind, start, net.prefix, metric))
            else:
                changes.append(route.new_route(index, pack(extra["gateway"]), start, net.prefix, metric))
    inner.send(changes)


def take_away(netns: str, name: str) -> None:
    """Delete a container's interface (the other half of a pair goes with it). Idempotent."""
    try:
        fd = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        with Inside(fd):
            inner = route.open_route()
    finally:
        os.close(fd)
    try:
        remove(inner, name)
    finally:
        inner.close()


def remove(netlink: Netlink, name: str) -> None:
    """Delete a link, if it is there (20 ms: not while somebody waits)."""
    try:
        netlink.send([route.del_link(name)], name)
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise Unavailable(f"cannot remove {name}: {error.strerror}") from error


def foreign_overlap(netlink: Netlink, net: Net, own: str) -> bool:
    """Whether another link has, or leads to, an address of the subnet."""
    index = route.link_index(netlink, own)
    for link, address, prefix in route.addresses(netlink):
        if link != index and len(address) == net.size:
            other = Net(f"{net.address(int.from_bytes(address, 'big'))}/{prefix}")
            if net.overlaps(other):
                return True
    if net.size == 4:
        for destination, prefix, link in route.routes(netlink):
            if (
                link != index
                and prefix
                and net.overlaps(Net(f"{net.address(int.from_bytes(destination, 'big'))}/{prefix}"))
            ):
                return True
    return False
