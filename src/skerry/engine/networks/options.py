"""The flags of ``network create`` that say how a network is made: driver's options, interface, routes."""

from __future__ import annotations

from skerry.engine.units import parse_bool
from skerry.errors import Conflict, Invalid
from skerry.linux.netlink.route import REFUSALS
from skerry.network import direct
from skerry.network.addresses import Net, is_address
from skerry.network.bridge import UNMANAGED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skerry.network.types import Route

_DOCKER = {
    "macvlan_mode": "mode",
    "ipvlan_mode": "mode",
    "com.docker.network.driver.mtu": "mtu",
    "com.docker.network.bridge.name": "interface_name",
}
_BRIDGE = ("mtu", "metric", "isolate", "no_default_route", "mode", "vlan", "vrf", "outbound_addr4", "outbound_addr6")
_DIRECT = ("mtu", "metric", "no_default_route", "mode", "parent")
_LAST_VLAN = 4094
_LONGEST_NAME = 15  # IFNAMSIZ less the zero


def driver_options(given: Mapping[str, str], driver: str) -> tuple[dict[str, str], str]:
    """(what ``--opt`` says as the definition has it, the interface's name if one says it). `Invalid`."""
    settings, interface = {}, ""
    known = (*(_BRIDGE if driver == "bridge" else _DIRECT), *(("bclim",) if driver == "macvlan" else ()))
    for key, value in given.items():
        name = _DOCKER.get(key, key)
        if name == "interface_name":
            interface = value
        elif name not in known:
            raise Invalid(f"unsupported {driver} network option: {key}")
        else:
            settings[name] = _checked(name, value, driver)
    return settings, interface


def _checked(name: str, value: str, driver: str) -> str:
    if name == "mtu" and value.startswith("-") and value[1:].isdigit():
        raise Invalid(f"mtu {value} is less than zero")
    if name in ("mtu", "metric") and not (value.isascii() and value.isdigit()):
        function = "Atoi" if name == "mtu" else "ParseUint"
        raise Invalid(f'strconv.{function}: parsing "{value}": invalid syntax')
    if name == "isolate" and value != "strict":
        try:
            return _boolean(value)
        except Invalid:
            raise Invalid(f'invalid isolate option "{value}"', hint="true, false or strict") from None
    if name == "vlan" and not (value.isascii() and value.isdigit() and int(value) <= _LAST_VLAN):
        raise Invalid(f"vlan must be between 0 and {_LAST_VLAN}")
    if name.startswith("outbound_addr") and not (is_address(value) and (":" in value) == name.endswith("6")):
        raise Invalid(f'unable to parse "{name}": invalid IPv{name[-1]} address syntax')
    if name == "vrf":
        check_interface(value)
    if name == "no_default_route":
        return _boolean(value)
    if name == "bclim" and not value.removeprefix("-").isdigit():
        raise Invalid(f'failed to parse "bclim" option: strconv.ParseInt: parsing "{value}": invalid syntax')
    if name == "mode" and driver == "bridge" and value not in ("managed", UNMANAGED):
        raise Invalid(f'invalid bridge mode "{value}"', hint="managed or unmanaged")
    if name == "mode" and driver != "bridge":
        direct.mode(driver, {"mode": value})
    return value


def _boolean(value: str) -> str:
    return "true" if parse_bool(value) else "false"


def check_interface(name: str) -> None:
    """`Invalid` for what no link can be called, in Podman's words."""
    start = f"network interface name {name} invalid: "
    if len(name.encode()) > _LONGEST_NAME:
        raise Invalid(
            f"{start}interface name is too long: interface names must be {_LONGEST_NAME} characters or less: invalid argument"
        )
    if name in (".", "..") or not name.isprintable() or set(name) & set("/: "):
        raise Invalid(f"{start}interface name contains / or : or whitespace characters: invalid argument")


def refuse_taken(name: str, taken: set[str]) -> None:
    """`Conflict` when a network or a link has this name already."""
    if name in taken:
        raise Conflict(f"bridge name {name} already in use")


def route(item: str) -> Route:
    """``DESTINATION,GATEWAY[,METRIC]`` or ``DESTINATION,TYPE[,METRIC]``. `Invalid`."""
    fields = item.split(",")
    if len(fields) not in (2, 3):
        form = (
            "<destination>,<gateway>[,<metric>] or --route <destination>,<type>[,<metric>] where type is blackhole, "
            "unreachable, or prohibit"
        )
        raise Invalid(f"invalid route: {item}\nFormat: --route {form}")
    try:
        net = Net(fields[0])
    except Invalid as error:
        raise Invalid(f"invalid route destination {fields[0]}: {error.message}") from None
    if str(net).partition("/")[0] != fields[0].partition("/")[0]:
        raise Invalid("route destination invalid", hint=f"{net}?")
    kind = fields[1].lower()
    if kind in REFUSALS:
        found: Route = {"destination": str(net), "route_type": kind}
    elif kind == "unicast":
        raise Invalid("unicast route requires a gateway, format: --route <destination>,<gateway>[,<metric>]")
    elif is_address(fields[1]):
        found = {"destination": str(net), "gateway": fields[1]}
    else:
        raise Invalid(f"invalid route gateway {fields[1]}")
    if fields[2:]:
        if not (fields[2].isascii() and fields[2].isdigit()):
            raise Invalid(f"invalid route metric {fields[2]}")
        found["metric"] = int(fields[2])
    return found


def check_servers(servers: Sequence[str], *, dns: bool) -> None:
    """`Invalid` for what is no address, and for servers that nobody would ask."""
    for server in servers:
        if not is_address(server):
            raise Invalid(f"unable to parse ip {server} specified in NetworkDNSServers: invalid argument")
    if servers and not dns:
        raise Invalid("cannot set NetworkDNSServers if DNS is not enabled for the network: invalid argument")


def refuse_overlaps(subnets: Sequence[Net]) -> None:
    """`Invalid`, in netavark's words, when one network is given the same addresses twice."""
    for number, net in enumerate(subnets):
        for other in subnets[:number]:
            if str(net) == str(other):
                raise Invalid(f"duplicate subnet defined: {net}")
            if net.overlaps(other):
                raise Invalid(f"overlapping subnets: {other} and {net}")
