"""macvlan and ipvlan: a container's interface sits on one of the host's, without bridge, ports and firewall.

For the leases such a network has a name of its own where others have their bridge's; no link has that name.
"""

from __future__ import annotations

from skerry.errors import Invalid, NotFound
from skerry.linux.netlink import route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.linux.netlink.message import Netlink
    from skerry.network.types import Network

# driver → its modes: the kernel's numbers (if_link.h)
MODES = {"macvlan": {"bridge": 4, "private": 1, "vepa": 2, "passthru": 8}, "ipvlan": {"l2": 0, "l3": 1, "l3s": 2}}
_DEFAULT = {"macvlan": "bridge", "ipvlan": "l2"}


def is_direct(network: Network) -> bool:
    """Whether its containers are on a host's interface itself."""
    return network["driver"] in MODES


def lease_name(network: Network) -> str:
    """What stands for the network in the leases."""
    return f"{network['driver']}-{network['id'][:16]}"


def parent(netlink: Netlink, network: Network) -> int:
    """The number of the host's interface: the one that is named, else that of the default route. `NotFound`."""
    name = network.get("options", {}).get("parent", "")
    if name:
        index = route.link_index(netlink, name)
        if not index:
            raise NotFound(f"parent interface {name} of the network {network['name']} does not exist")
        return index
    for index in route.default_routes(netlink):
        return index
    raise NotFound(
        f"failed to get default route interface for the network {network['name']}: there is no default route",
        hint="create the network with -o parent=INTERFACE",
    )


def mode(driver: str, options: dict[str, str]) -> int:
    """The kernel's number of the network's mode. `Invalid` for an unknown one."""
    name = options.get("mode") or _DEFAULT[driver]
    if name not in MODES[driver]:
        raise Invalid(f'unknown {driver} mode "{name}"', hint=", ".join(MODES[driver]))
    return MODES[driver][name]
