"""Changing what a running container has of the network: joining and leaving networks, publishing ports, putting rules
back that another tool flushed.

As in `setup` the lease is written first, so that killed anywhere it tells what to give back."""

from __future__ import annotations

from skerry.errors import Conflict, SkerryError, Unavailable
from skerry.linux.netlink import route
from skerry.network import bridge, definitions, firewall, setup
from skerry.network import ports as host_ports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from skerry.network.context import NetworkContext
    from skerry.network.ports import Claim
    from skerry.network.reserve import Reserved
    from skerry.network.setup import Host
    from skerry.network.types import Lease, Network, NetworkRequest, PortMapping, Status


def join(context: NetworkContext, container_id: str, request: NetworkRequest) -> Status:
    """Connect a running container to one more network: that network's part of the status. Errors as `setup.set_up`'s."""
    found: Status = _change(context, "join", container_id, request)
    return found


def leave(context: NetworkContext, container_id: str, network: str) -> None:
    """Take a running container off a network. Idempotent."""
    _change(context, "leave", container_id, network)


def publish(
    context: NetworkContext, container_id: str, add: list[PortMapping], remove: list[PortMapping],
    reserved: Reserved | None = None,
) -> list[PortMapping]:  # fmt: skip
    """Publish more ports of a running container, and some no longer: all that it then has, host ports chosen. `Conflict`
    when one is taken; nothing has changed then. ``reserved``: what keeps its ports (not for a user's)."""
    more = () if reserved is None else (reserved,)
    found: list[PortMapping] = _change(context, "publish", container_id, add, remove, *more)
    return found


def set_ports(
    context: NetworkContext, container_id: str, ports: list[PortMapping], reserved: Reserved | None = None
) -> list[PortMapping]:  # fmt: skip
    """Make a running container publish exactly these, after a `publish` that was cut off; without those that another
    container has taken meanwhile. Idempotent."""
    more = () if reserved is None else (reserved,)
    found: list[PortMapping] = _change(context, "set_ports", container_id, ports, *more)
    return found


def hide(context: NetworkContext, container_id: str, hidden: bool) -> None:
    """Take a container out of the names that it shares with others, or (not ``hidden``) bring it back. Idempotent."""
    _change(context, "hide", container_id, hidden)


def reload(context: NetworkContext, container_id: str) -> None:
    """Make the firewall and the name server agree with the container's lease again."""
    _change(context, "reload", container_id)


def missing(context: NetworkContext, container_id: str) -> list[str]:
    """The helpers that ought to serve a running container on bridges and have ended: aardvark-dns, and a user's pasta and
    forwarder. `reload` brings them back."""
    if context.shared:
        from skerry.network import shared

        return shared.missing(context, container_id)
    found: list[str] = change(context, "missing", container_id)
    return found


def set_servers(context: NetworkContext, network: Network) -> None:
    """Give a network that is in use the name servers of its new definition."""
    if context.shared:
        from skerry.network import shared

        shared.call(context, "set_servers", network)
        return
    setup.set_servers(context, network)


def _change(context: NetworkContext, what: str, container_id: str, *arguments: Any) -> Any:
    if context.shared:
        from skerry.network import shared

        return shared.change(context, what, container_id, *arguments)
    return change(context, what, container_id, *arguments)


def change(context: NetworkContext, what: str, container_id: str, *arguments: Any) -> Any:
    """Do it in the network namespace that we are in."""
    try:
        with setup.Host(context) as host:
            lease = host.leases.get(container_id)
            if lease is None:
                raise Conflict(
                    f"container {container_id} has no network that could be changed: container state improper"
                )
            result = _WORK[what](host, lease, *arguments)
            idle = what == "leave" and any(host.leases.unused(item["bridge"]) for item in lease["interfaces"])
        if idle:
            from skerry.network.idle import remove_later

            remove_later(context, host.leases.folder)
        return result
    except OSError as error:
        raise Unavailable(f"cannot change the network: {error}") from error


def _join(host: Host, lease: Lease, request: NetworkRequest) -> Status:
    network = setup.resolve(host, definitions.load(host.context, request["name"]))
    if any(item["network"] == network["name"] for item in lease["interfaces"]):
        _leave(host, lease, network["name"])  # a command was killed before it could write that the container joined
        lease = host.leases.get(lease["container"]) or lease
    taken = {item["name"] for item in lease["interfaces"]}
    number = next(n for n in range(len(taken) + 1) if f"eth{n}" not in taken)
    item = setup.interface(host, lease, request, network, number)
    if item["name"] in taken:
        raise Conflict(f"the container has an interface {item['name']} already")
    names = list(dict.fromkeys([lease["name"], lease["container"][:12], *request.get("aliases", ())]))
    new: Lease = {**lease, "interfaces": [*lease["interfaces"], item], "names": [*lease["names"], names]}
    host.leases.put(new)
    try:
        for ip in item["ips"]:
            host.leases.claim(item["bridge"], ip.partition("/")[0], lease["container"])
        index = setup.connect_bridge(host, network)
        bridge.connect(
            host.netlink, lease["netns"], [(item, network, index)], published=bool(lease["ports"]), first=number
        )
        setup.open_firewall(host, {**new, "ports": []}, [network])
        _move_ports(host, lease, new)
        _names(host, new)
    except BaseException:
        _leave(host, new, network["name"])
        raise
    return setup.status([(item, network)])


def _leave(host: Host, lease: Lease, network: str) -> None:
    gone = [item for item in lease["interfaces"] if item["network"] == network]
    pairs = [pair for pair in zip(lease["interfaces"], lease["names"], strict=True) if pair[0] not in gone]
    new: Lease = {**lease, "interfaces": [item for item, _ in pairs], "names": [names for _, names in pairs]}
    for item in gone:
        bridge.take_away(lease["netns"], item["name"])
    _move_ports(host, lease, new)
    for item in gone:
        for ip in item["ips"]:
            host.leases.free(item["bridge"], ip.partition("/")[0], lease["container"])
    host.leases.put(new)
    _names(host, lease)


def _move_ports(host: Host, old: Lease, new: Lease) -> None:
    """Lead published ports to the container's first address as it is now."""
    before = firewall.port_elements(old["ports"], setup.targets(old))
    after = firewall.port_elements(new["ports"], setup.targets(new))
    if before != after:
        host.firewall.delete(before)
        host.firewall.add(after)


def _publish(
    host: Host, lease: Lease, add: list[PortMapping], remove: list[PortMapping], reserved: Reserved | None = None
) -> list[PortMapping]:  # fmt: skip
    """The lease names what comes and what goes until both are done: killed in between, `_set_ports` knows them."""
    mine = [host_ports.claim(port) for port in remove]
    taken = [claim for claim in host.leases.ports() if claim not in mine]
    chosen = _exchange(add, remove, taken, reserved)
    host.leases.put({**lease, "ports": [*lease["ports"], *chosen]})
    _close(host, lease, remove)
    for port in chosen:
        host.leases.claim_port(host_ports.claim(port), lease["container"])
    setup.open_firewall(host, {**lease, "ports": chosen}, [])
    new: Lease = {**lease, "ports": [*(port for port in lease["ports"] if port not in remove), *chosen]}
    host.leases.put(new)
    if chosen and not lease["ports"]:
        _allow_hairpin(host, lease)
    return new["ports"]


def _exchange(
    add: list[PortMapping], remove: list[PortMapping], taken: list[Claim], reserved: Reserved | None
) -> list[PortMapping]:  # fmt: skip
    """The new ports, host ports chosen and reserved in the place of those that go."""
    if reserved is not None and remove:
        reserved.drop([host_ports.claim(port) for port in remove])
    try:
        chosen = host_ports.assign(add, taken, reserved) if add else []
    except SkerryError:
        if reserved is not None:
            reserved.drop([host_ports.claim(port) for port in add if port["host_port"]])
            host_ports.hold(remove, reserved)
        raise
    if reserved is not None:
        reserved.flush()
    return chosen


def _set_ports(
    host: Host, lease: Lease, ports: list[PortMapping], reserved: Reserved | None = None
) -> list[PortMapping]:  # fmt: skip
    """Undo a change of ports that was cut off: the container has ``ports`` and no others. Those that another one has
    taken meanwhile it loses; what is left."""
    held = {claim: host.leases.port_holder(claim) for claim in host.leases.ports()}
    others = [claim for claim, holder in held.items() if holder not in (lease["container"], "")]
    kept = [port for port in ports if not any(host_ports.overlap(host_ports.claim(port), one) for one in others)]
    _close(host, lease, [port for port in lease["ports"] if port not in kept])
    host.leases.put({**lease, "ports": kept})
    for port in kept:
        host.leases.claim_port(host_ports.claim(port), lease["container"])
    setup.open_firewall(host, {**lease, "ports": kept}, [])
    if reserved is not None:
        for each in reserved.take():
            each.close()
        host_ports.hold(kept, reserved)
    if kept:
        _allow_hairpin(host, lease)
    return kept


def _close(host: Host, lease: Lease, ports: list[PortMapping]) -> None:
    host.firewall.delete(firewall.port_elements(ports, setup.targets(lease)))
    for port in ports:
        host.leases.free_port(host_ports.claim(port), lease["container"])


def _allow_hairpin(host: Host, lease: Lease) -> None:
    host.netlink.send([route.hairpin(item["veth"]) for item in lease["interfaces"] if item["veth"]])


def _reload(host: Host, lease: Lease) -> None:
    networks = [network for item in lease["interfaces"] if (network := host.leases.bridge(item["bridge"]))]
    for network in networks:
        setup.connect_bridge(host, network)
    nft = host.context.helper("nft")
    if networks and not host.firewall.has_rules(nft):
        host.firewall.create(nft)
        setup.restore_firewall(host)
    setup.open_firewall(host, lease, networks)
    _names(host, lease)


def _missing(host: Host, lease: Lease) -> list[str]:
    from skerry.network import dns

    named = any(item["dns"] for item in lease["interfaces"])
    return ["aardvark-dns"] if named and not dns.running(dns.folder(host.leases)) else []


def _hide(host: Host, lease: Lease, hidden: bool) -> None:
    if lease.get("hidden", False) != hidden:
        host.leases.put({**lease, "hidden": hidden})
    _names(host, lease)


def _names(host: Host, lease: Lease) -> None:
    if any(item["dns"] for item in lease["interfaces"]):
        from skerry.network import dns

        dns.update(host.context, host.leases)


_WORK: dict[str, Callable[..., Any]] = {
    "join": _join, "leave": _leave, "publish": _publish, "set_ports": _set_ports, "reload": _reload, "hide": _hide,
    "missing": _missing,
}  # fmt: skip
