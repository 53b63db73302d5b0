"""What networks and published ports need from the host."""

from __future__ import annotations

from skerry.engine.doctor.report import FAIL, OK, WARN, Finding
from skerry.errors import SkerryError
from skerry.linux.namespaces import CLONE_NEWNET, unshare
from skerry.linux.netlink import route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "network"
_CUT_OFF = "containers on bridges reach nothing, and published ports are not reached from other hosts"
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
    yield from _foreign_chains(host, settings)


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


def _foreign_chains(host: Host, settings: Settings) -> Iterator[Finding]:
    """Other tools' rules for what is forwarded: Skerry opens iptables' FORWARD by itself, the others are their owner's."""
    from skerry.network import foreign

    try:
        chains = [] if host.top else foreign.forward_chains()
    except SkerryError:
        return  # the firewall's own line says it
    iptables = host.find("iptables-nft", settings) or host.find("iptables", settings)
    for chain in chains:
        subject = f"forward chain {chain}"
        if chain.table == "firewalld":
            if not _firewalld_trusts(host, settings):
                remedy = "firewall-cmd --permanent --zone=trusted --add-source=10.88.0.0/16; firewall-cmd --reload"
                yield Finding(AREA, "firewalld", WARN, "does not trust the default network", _CUT_OFF, remedy)
        elif chain.drops and foreign.is_iptables(chain) and iptables:
            yield Finding(AREA, subject, OK, "drops by default; Skerry adds rules for its bridges")
        elif chain.drops and foreign.is_iptables(chain):
            yield Finding(AREA, subject, WARN, "drops by default", _CUT_OFF, "apt-get install iptables")
        elif chain.drops:
            rule = f"nft insert rule {chain}"
            remedy = f"{rule} iifname 'skerry*' accept; {rule} oifname 'skerry*' ct state established,related accept; "
            yield Finding(
                AREA, subject, WARN, "drops by default", _CUT_OFF,
                remedy + f"{rule} oifname 'skerry*' ct status dnat accept",
            )  # fmt: skip


def _firewalld_trusts(host: Host, settings: Settings) -> bool:
    _, rules = host.output([host.find("nft", settings) or "nft", "list", "table", "inet", "firewalld"])
    lines = [line for line in rules.splitlines() if "trusted" in line]
    return any("10.88.0.0/16" in line or "skerry" in line for line in lines)
