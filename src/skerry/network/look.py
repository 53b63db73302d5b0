"""What a network namespace that somebody else made looks like."""

from __future__ import annotations

import os

from skerry.linux.netlink import route
from skerry.linux.netns import Inside
from skerry.network.addresses import unpack


class Seen:
    """``subnets`` as in netavark's status: ``ipnet`` and ``gateway``; ``macs`` of its interfaces, but for lo."""

    __slots__ = ("macs", "subnets")

    def __init__(self) -> None:
        self.macs: list[str] = []
        self.subnets: list[dict[str, str]] = []


def look(path: str) -> Seen:
    """Empty where the namespace is gone, or may not be entered."""
    seen = Seen()
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with Inside(fd):
                netlink = route.open_route()
        finally:
            os.close(fd)
    except OSError:
        return seen
    try:
        macs = route.hardware_addresses(netlink)
        seen.macs = [macs[index].hex(":") for index in sorted(macs)]
        gateways = {len(gateway): unpack(gateway) for gateway in reversed(route.default_gateways(netlink))}
        for index, address, prefix in sorted(route.addresses(netlink)):
            text = unpack(address)
            if index in macs and not text.startswith("fe80:"):
                seen.subnets.append({"ipnet": f"{text}/{prefix}", "gateway": gateways.get(len(address), "")})
    finally:
        netlink.close()
    return seen
