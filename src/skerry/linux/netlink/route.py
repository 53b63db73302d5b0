"""rtnetlink(7): links, addresses, routes."""

from __future__ import annotations

import _socket
import _struct

from skerry.linux.netlink.message import (
    NETLINK_ROUTE,
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    Netlink,
    attribute,
    attributes,
    message,
    nested,
    string,
    u32,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK = 16, 17, 18, 19
RTM_NEWADDR, RTM_GETADDR, RTM_NEWROUTE, RTM_GETROUTE = 20, 22, 24, 26
RTM_NEWRULE, RTM_GETRULE = 32, 34
IFF_UP = 1
IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, IFLA_BRPORT_MODE = 4, 5, 4
IFLA_MACVLAN_BC_CUTOFF = 9
AF_BRIDGE, IFLA_AF_SPEC, IFLA_BR_VLAN_FILTERING, IFLA_BRIDGE_VLAN_INFO = 7, 26, 7, 2
BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_UNTAGGED = 2, 4
IFLA_NET_NS_FD, IFLA_INFO_KIND, IFLA_INFO_DATA, VETH_INFO_PEER = 28, 1, 2, 1
IFA_ADDRESS, IFA_LOCAL, IFA_LABEL, IFA_BROADCAST, IFA_FLAGS, IFA_F_NODAD = 1, 2, 3, 4, 8, 2
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY = 1, 4, 5, 6
RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST = 254, 4, 0, 1
# What becomes of packets by a route that leads nowhere.
REFUSALS = {"blackhole": 6, "unreachable": 7, "prohibit": 8}
RT_SCOPE_HOST, RTN_LOCAL, FR_ACT_TO_TBL, FRA_FWMARK, FRA_TABLE = 254, 2, 1, 10, 15
_ON = attribute(IFLA_BRPORT_MODE, b"\1")
_FILTERS = nested(
    IFLA_LINKINFO, string(IFLA_INFO_KIND, "bridge"), nested(IFLA_INFO_DATA, attribute(IFLA_BR_VLAN_FILTERING, b"\1"))
)
_CREATE = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL


def open_route() -> Netlink:
    """A socket for this module's messages, in the current namespace."""
    return Netlink(NETLINK_ROUTE)


def _ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return _struct.pack("=BxHiII", 0, 0, index, flags, change)


def new_bridge(name: str, mac: bytes, mtu: int = 0, *, filters_vlans: bool = False, master: int = 0) -> bytes:
    """Create a bridge, down; ``master`` is the number of a VRF."""
    body = string(IFLA_IFNAME, name) + attribute(IFLA_ADDRESS, mac)
    if mtu:
        body += u32(IFLA_MTU, mtu)
    if master:
        body += u32(IFLA_MASTER, master)
    info = _FILTERS if filters_vlans else nested(IFLA_LINKINFO, string(IFLA_INFO_KIND, "bridge"))
    return message(RTM_NEWLINK, _CREATE, _ifinfo() + body + info)


def filter_vlans(index: int) -> bytes:
    """Make a bridge that exists filter by VLAN."""
    return message(RTM_NEWLINK, NLM_F_ACK, _ifinfo(index) + _FILTERS)


def join_vlan(port: int, vlan: int) -> bytes:
    """Whatever a bridge's port (its number) sends without a tag is of this VLAN, and what it is sent of it has none."""
    how = _struct.pack("=HH", BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED, vlan)
    head = _struct.pack("=BxHiII", AF_BRIDGE, 0, port, 0, 0)
    return message(RTM_SETLINK, NLM_F_ACK, head + nested(IFLA_AF_SPEC, attribute(IFLA_BRIDGE_VLAN_INFO, how)))


def new_veth(name: str, master: int, peer: str, peer_netns: int, peer_mac: bytes, mtu: int = 0) -> bytes:
    """Create a pair: ``name`` here, up and in the bridge ``master``; ``peer`` in the namespace behind a descriptor.

    The peer comes up by `set_up` there: a pair cannot be made with both ends up (ENOTCONN)."""
    size = u32(IFLA_MTU, mtu) if mtu else b""
    other = _ifinfo() + string(IFLA_IFNAME, peer) + attribute(IFLA_ADDRESS, peer_mac) + size
    other += u32(IFLA_NET_NS_FD, peer_netns)
    info = nested(
        IFLA_LINKINFO, string(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, attribute(VETH_INFO_PEER, other))
    )
    body = _ifinfo(0, IFF_UP, IFF_UP) + string(IFLA_IFNAME, name) + u32(IFLA_MASTER, master) + size + info
    return message(RTM_NEWLINK, _CREATE, body)


def new_child(
    kind: str, name: str, parent: int, mode: int, target: int, mac: bytes, mtu: int, *, cutoff: int | None = None
) -> bytes:
    """A macvlan or ipvlan ``name`` of the link ``parent``, made inside the network namespace ``target`` (a descriptor).

    ``cutoff``: from how many packets on a macvlan queues broadcasts; -1 never."""
    # IFLA_MACVLAN_MODE is 32 bits, IFLA_IPVLAN_MODE 16.
    data = u32(1, mode) if kind == "macvlan" else attribute(1, _struct.pack("=H", mode))
    if cutoff is not None:
        data += attribute(IFLA_MACVLAN_BC_CUTOFF, _struct.pack("=i", cutoff))
    info = nested(IFLA_LINKINFO, string(IFLA_INFO_KIND, kind), nested(IFLA_INFO_DATA, data))
    body = _ifinfo() + string(IFLA_IFNAME, name) + u32(IFLA_LINK, parent) + u32(IFLA_NET_NS_FD, target)
    if kind == "macvlan":
        body += attribute(IFLA_ADDRESS, mac)
    if mtu:
        body += u32(IFLA_MTU, mtu)
    return message(RTM_NEWLINK, _CREATE, body + info)


def hairpin(name: str) -> bytes:
    """Let a bridge's port send a packet back to where it came from.

    With br_netfilter a container that calls its own published port is answered on the bridge's own layer."""
    slave = nested(IFLA_LINKINFO, string(IFLA_INFO_SLAVE_KIND, "bridge"), nested(IFLA_INFO_SLAVE_DATA, _ON))
    return message(RTM_NEWLINK, NLM_F_ACK, _ifinfo() + string(IFLA_IFNAME, name) + slave)


def set_up(index: int) -> bytes:
    """Bring a link up."""
    return message(RTM_NEWLINK, NLM_F_ACK, _ifinfo(index, IFF_UP, IFF_UP))


def del_link(name: str) -> bytes:
    """Delete a link. The kernel takes about 20 ms."""
    return message(RTM_DELLINK, NLM_F_ACK, _ifinfo() + string(IFLA_IFNAME, name))


def get_link(name: str) -> bytes:
    """Ask for one link."""
    return message(RTM_GETLINK, 0, _ifinfo() + string(IFLA_IFNAME, name))


def link_mtu(netlink: Netlink, index: int) -> int:
    """The largest packet of a link; 0 without one."""
    for _, body in netlink.send([message(RTM_GETLINK, 0, _ifinfo(index))]):
        return int.from_bytes(attributes(body, 16).get(IFLA_MTU, b""), "little")
    return 0


def link_kind(netlink: Netlink, name: str) -> tuple[int, str]:
    """(number, kind such as ``bridge``, ``vrf``) of a link; (0, "") where there is none."""
    try:
        for _, body in netlink.send([get_link(name)]):
            info = attributes(attributes(body, 16).get(IFLA_LINKINFO, b""))
            kind = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
            return int(_struct.unpack_from("=i", body, 4)[0]), kind
    except OSError:
        pass  # there is none
    return 0, ""


def new_address(index: int, address: bytes, prefix: int, label: str = "") -> bytes:
    """Give a link an address; IPv6 without duplicate detection, so that it can be used at once."""
    family = _socket.AF_INET if len(address) == 4 else _socket.AF_INET6
    body = _struct.pack("=BBBBI", family, prefix, 0, 0, index) + attribute(IFA_LOCAL, address)
    body += attribute(IFA_ADDRESS, address)
    if len(address) == 4:
        host = (1 << (32 - prefix)) - 1
        if host > 1:
            body += attribute(IFA_BROADCAST, (int.from_bytes(address, "big") | host).to_bytes(4, "big"))
        if label:
            body += string(IFA_LABEL, label)
    else:
        body += u32(IFA_FLAGS, IFA_F_NODAD)
    return message(RTM_NEWADDR, _CREATE, body)


def new_route(index: int, gateway: bytes, destination: bytes = b"", prefix: int = 0, metric: int = 0) -> bytes:
    """A route by ``gateway`` over a link; the default route without ``destination``."""
    family = _socket.AF_INET if len(gateway) == 4 else _socket.AF_INET6
    body = _struct.pack(
        "=BBBBBBBBI", family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, RTN_UNICAST, 0
    )
    if destination:
        body += attribute(RTA_DST, destination)
    body += attribute(RTA_GATEWAY, gateway) + u32(RTA_OIF, index)
    if metric:
        body += u32(RTA_PRIORITY, metric)
    return message(RTM_NEWROUTE, _CREATE, body)


def new_refusal(kind: str, destination: bytes, prefix: int, metric: int = 0) -> bytes:
    """A route (one of `REFUSALS`) by which packets to there are thrown away or sent back."""
    family = _socket.AF_INET if len(destination) == 4 else _socket.AF_INET6
    body = _struct.pack(
        "=BBBBBBBBI", family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_UNIVERSE, REFUSALS[kind], 0
    ) + attribute(RTA_DST, destination)  # fmt: skip
    return message(RTM_NEWROUTE, _CREATE, body + (u32(RTA_PRIORITY, metric) if metric else b""))


def everything_local(family: int, table: int) -> bytes:
    """A route in ``table`` by which any address is this host's own."""
    body = _struct.pack("=BBBBBBBBI", family, 0, 0, 0, table, RTPROT_STATIC, RT_SCOPE_HOST, RTN_LOCAL, 0)
    return message(RTM_NEWROUTE, _CREATE, body + u32(RTA_OIF, 1))  # 1 is lo


def rule_of_mark(family: int, mark: int, table: int) -> bytes:
    """What carries ``mark`` is routed by ``table``."""
    body = _struct.pack("=BBBBBBBBI", family, 0, 0, 0, table, 0, 0, FR_ACT_TO_TBL, 0)
    return message(RTM_NEWRULE, _CREATE, body + u32(FRA_FWMARK, mark) + u32(FRA_TABLE, table))


def has_rule_of_mark(netlink: Netlink, family: int, mark: int) -> bool:
    """Whether there is such a rule."""
    request = message(RTM_GETRULE, NLM_F_DUMP, _struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0))
    wanted = _struct.pack("=I", mark)
    return any(attributes(body, 12).get(FRA_FWMARK) == wanted for _, body in netlink.send([request]))


def link_index(netlink: Netlink, name: str) -> int:
    """The number of the link ``name``; 0 when there is none."""
    try:
        answers = netlink.send([get_link(name)], name)
    except OSError as error:
        if error.errno == 19:  # ENODEV
            return 0
        raise
    return int(_struct.unpack_from("=i", answers[0][1], 4)[0])


def links(netlink: Netlink) -> dict[int, str]:
    """All links of the namespace: number → name."""
    found = {}
    for _, body in netlink.send([message(RTM_GETLINK, NLM_F_DUMP, _ifinfo())]):
        name = attributes(body, 16).get(IFLA_IFNAME, b"")
        found[int(_struct.unpack_from("=i", body, 4)[0])] = name.rstrip(b"\0").decode()
    return found


def hardware_addresses(netlink: Netlink) -> dict[int, bytes]:
    """All links of the namespace but lo: number → hardware address."""
    found = {}
    for _, body in netlink.send([message(RTM_GETLINK, NLM_F_DUMP, _ifinfo())]):
        index = int(_struct.unpack_from("=i", body, 4)[0])
        if index != 1:
            found[index] = attributes(body, 16).get(IFLA_ADDRESS, b"")
    return found


def addresses(netlink: Netlink) -> list[tuple[int, bytes, int]]:
    """All addresses of the namespace: (link's number, address, prefix length)."""
    found = []
    for _, body in netlink.send([message(RTM_GETADDR, NLM_F_DUMP, _struct.pack("=BBBBI", 0, 0, 0, 0, 0))]):
        values = attributes(body, 8)
        address = values.get(IFA_LOCAL) or values.get(IFA_ADDRESS)
        if address:
            found.append((int(_struct.unpack_from("=I", body, 4)[0]), address, body[1]))
    return found


def routes(netlink: Netlink) -> list[tuple[bytes, int, int]]:
    """IPv4 routes with a destination: (address, prefix length, link's number)."""
    found = []
    request = _struct.pack("=BBBBBBBBI", _socket.AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)
    for _, body in netlink.send([message(RTM_GETROUTE, NLM_F_DUMP, request)]):
        values = attributes(body, 12)
        if RTA_DST in values and body[4] == RT_TABLE_MAIN:
            found.append((values[RTA_DST], body[1], int.from_bytes(values.get(RTA_OIF, b""), "little")))
    return found


def default_gateways(netlink: Netlink) -> list[bytes]:
    """The gateways of all IPv4 and IPv6 default routes."""
    found = []
    for family in (_socket.AF_INET, _socket.AF_INET6):
        request = _struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
        for _, body in netlink.send([message(RTM_GETROUTE, NLM_F_DUMP, request)]):
            gateway = attributes(body, 12).get(RTA_GATEWAY)
            if gateway and body[1] == 0 and body[4] == RT_TABLE_MAIN:
                found.append(gateway)
    return found


def default_routes(netlink: Netlink) -> list[int]:
    """The links' numbers of all IPv4 and IPv6 default routes."""
    found = []
    for family in (_socket.AF_INET, _socket.AF_INET6):
        request = _struct.pack("=BBBBBBBBI", family, 0, 0, 0, 0, 0, 0, 0, 0)
        for _, body in netlink.send([message(RTM_GETROUTE, NLM_F_DUMP, request)]):
            if body[1] == 0 and body[4] == RT_TABLE_MAIN:
                found.append(int.from_bytes(attributes(body, 12).get(RTA_OIF, b""), "little"))
    return found
