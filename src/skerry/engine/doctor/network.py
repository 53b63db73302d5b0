"""What networks and published ports need from the host."""

from __future__ import annotations

from skerry.engine.doctor.report import FAIL, OK, WARN, Finding
from skerry.linux.namespaces import CLONE_NEWNET, unshare
from skerry.linux.netlink import route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "network"
# What Skerry's table needs: NAT, fib, maps. Checked by the kernel, never committed.
_RULES = b"""table inet skerry_doctor {
 map m { type inet_proto . inet_service : ipv4_addr . inet_service; }
 chain c { type nat hook prerouting priority dstnat; fib daddr type local dnat ip to meta l4proto . th dport map @m; }
}
"""


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area."""
    if settings.rootless:
        yield _tun(host)
        return
    yield _links(host)
    if nft := host.find("nft", settings):
        yield _firewall(host, nft)
    yield _forwarding(host)


def _tun(host: Host) -> Finding:
    if host.accessible("/dev/net/tun"):
        return Finding(AREA, "/dev/net/tun", OK, "accessible")
    detail = "not accessible" if host.exists("/dev/net/tun") else "missing"
    remedy = "as root: chmod 666 /dev/net/tun" if detail == "not accessible" else "as root: modprobe tun"
    return Finding(AREA, "/dev/net/tun", FAIL, detail, "containers have no network and no ports", remedy)


def _links(host: Host) -> Finding:
    def make() -> None:
        unshare(CLONE_NEWNET)
        with_route = route.open_route()
        with_route.send([route.new_bridge("skdoctor0", b"\x02\x00\x00\x00\x00\x01")])
        with open("/proc/self/ns/net", "rb") as here:
            index = route.link_index(with_route, "skdoctor0")
            with_route.send([route.new_veth("skdoctor1", index, "eth0", here.fileno(), b"\x02\x00\x00\x00\x00\x02")])

    problem = "" if host.top else host.attempt(make)
    if problem:
        return Finding(
            AREA,
            "bridge",
            FAIL,
            f"cannot make bridges and veth pairs: {problem}",
            "only --network host and none work",
            "modprobe -a bridge veth",
        )
    return Finding(AREA, "bridge", OK, "bridges and veth pairs can be made")


def _firewall(host: Host, nft: str) -> Finding:
    code, said = host.output([nft, "--check", "-f", "-"], _RULES)
    if code == 0:
        return Finding(AREA, "nftables", OK, "NAT, fib and maps are available")
    reason = said.splitlines()[0] if said else f"exit code {code}"
    return Finding(
        AREA,
        "nftables",
        FAIL,
        reason,
        "published ports do not work",
        "modprobe -a nf_tables nft_chain_nat nft_fib_inet",
    )


def _forwarding(host: Host) -> Finding:
    if host.read("/proc/sys/net/ipv4/ip_forward") == "1":
        return Finding(AREA, "ip_forward", OK, "on")
    if host.accessible("/proc/sys/net/ipv4/ip_forward"):
        return Finding(AREA, "ip_forward", OK, "off; Skerry switches it on with the first network")
    return Finding(
        AREA,
        "ip_forward",
        WARN,
        "off, and not ours to change",
        "containers reach only this host",
        "sysctl -w net.ipv4.ip_forward=1",
    )
