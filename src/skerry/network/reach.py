"""Where a container on pasta finds its host, and by which address it is known itself."""

from __future__ import annotations

import os

from skerry.linux.netlink import route
from skerry.network.addresses import unpack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.network.context import NetworkContext

# Where a container reaches its host (Podman's choice), by a pasta from August 2024 on.
HOST_IP = "169.254.1.2"
MAP_HOST = "--map-guest-addr"
_ADDRESS = ("-a", "--address")


def host_address(context: NetworkContext, options: Sequence[str]) -> str:
    """Where the host is for who is connected by these options; empty when pasta cannot lead there.

    An older pasta leads to every address of the host but those that it has given to the container."""
    mapped = value(options, MAP_HOST)
    if mapped:
        return "" if mapped == "none" else mapped
    if maps_host(context, context.helper("pasta")):
        return HOST_IP
    own = [options[n + 1] for n, option in enumerate(options[:-1]) if option in _ADDRESS]
    return _first([address for _, address in _of_the_host()], but=own or _copied(options))


def own_address(options: Sequence[str]) -> str:
    """The address that a container has by these options."""
    return value(options, *_ADDRESS) or _first(_copied(options))


def _copied(options: Sequence[str]) -> list[str]:
    """The host's addresses that pasta copies: of the interface that it is told, else of that with the default route."""
    interface = value(options, "-i", "--interface")
    netlink = route.open_route()
    try:
        links = [route.link_index(netlink, interface)] if interface else route.default_routes(netlink)[:1]
    finally:
        netlink.close()
    return [address for link, address in _of_the_host() if link in links]


def _of_the_host() -> list[tuple[int, str]]:
    """(number of the interface, address)."""
    netlink = route.open_route()
    try:
        return [(link, unpack(address)) for link, address, _ in route.addresses(netlink)]
    finally:
        netlink.close()


def _first(addresses: Sequence[str], but: Sequence[str] = ()) -> str:
    """The first that others can use; IPv4 where there is one."""
    usable = [text for text in addresses if not text.startswith(("fe80:", "127.")) and text != "::1"]
    return min((text for text in usable if text not in but), key=lambda text: ":" in text, default="")


def value(options: Sequence[str], *names: str) -> str:
    """What the last of these options says."""
    found = ""
    for number, option in enumerate(options):
        name, equals, value = option.partition("=")
        if name in names:
            found = value if equals else "".join(options[number + 1 : number + 2])
    return found


def _marker(context: NetworkContext) -> str:
    return f"{os.path.dirname(context.host_dir)}/pasta-maps-no-host"


def _stamp(program: str) -> str:
    status = os.stat(program)
    return f"{status.st_mtime_ns} {status.st_size}"


def maps_host(context: NetworkContext, program: str) -> bool:
    """Whether this very program has not refused the option yet."""
    try:
        with open(_marker(context), encoding="ascii") as file:
            return file.read() != _stamp(program)
    except OSError:
        return True


def note_that_it_maps_none(context: NetworkContext, program: str) -> None:
    try:
        with open(_marker(context), "w", encoding="ascii") as file:
            file.write(_stamp(program))
    except OSError:
        pass  # then it is asked again the next time
