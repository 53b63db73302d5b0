"""Other tools' forward chains. A packet has to pass every one, so a drop there overrules an accept in our table.

Where iptables' FORWARD drops by default (Docker, ufw) it gets two rules for our bridges: in DOCKER-USER, which Docker
keeps for such rules, or at the head of FORWARD, where Podman puts its own. All other rules are left alone: what
firewalld, or a chain that somebody wrote with nft, drops is said by ``skerry doctor``.
"""

from __future__ import annotations

from skerry.errors import SkerryError, Unavailable
from skerry.linux import spawn
from skerry.linux.netlink import nft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.network.context import NetworkContext

_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}
_FORWARD, _DROP = 2, 0
# What `network create` names bridges by itself, and the default network's.
PREFIX = "skerry"
OWN = PREFIX + "+"  # iptables' wildcard


class Chain:
    """A base chain on the forward hook. ``drops``: what no rule of it accepts."""

    __slots__ = ("drops", "family", "name", "table")

    def __init__(self, family: str, table: str, name: str, drops: bool) -> None:
        self.family, self.table, self.name, self.drops = family, table, name, drops

    def __str__(self) -> str:
        return f"{self.family} {self.table} {self.name}"


def forward_chains() -> list[Chain]:
    """The forward chains of tables that are not ours."""
    netlink = nft.open_nft()
    try:
        chains = nft.base_chains(netlink)
    except OSError as error:
        raise SkerryError(f"cannot list the firewall's chains: {error.strerror}") from error
    finally:
        netlink.close()
    return [
        Chain(_FAMILIES[family], table, chain, policy == _DROP)
        for family, table, chain, hook, policy in chains
        if family in _FAMILIES and hook == _FORWARD and table != "skerry"
    ]


def is_iptables(chain: Chain) -> bool:
    """Whether it is iptables' FORWARD, which `admit` opens."""
    return chain.table == "filter" and chain.name == "FORWARD" and chain.family != "inet"


def admit(context: NetworkContext, bridge: str, *, ipv6: bool) -> None:
    """Let a bridge's traffic through iptables' FORWARD where that drops by default. Repeating is harmless."""
    for chain in forward_chains():
        if chain.drops and is_iptables(chain) and (ipv6 or chain.family == "ip"):
            program = _program(context, chain)
            if not program:
                continue  # doctor says it: without iptables nobody but its owner can change that chain
            name = OWN if bridge.startswith(PREFIX) else bridge
            target = "DOCKER-USER" if not _run(program, "-n", "-L", "DOCKER-USER") else "FORWARD"
            for rule in _rules(name):
                if _run(program, "-C", target, *rule) and (said := _run(program, "-I", target, *rule)):
                    raise Unavailable(f"cannot let {bridge} through {chain}: {said}")


def retract(context: NetworkContext, bridges: list[str]) -> None:
    """Take away what `admit` added for these bridges (`OWN`: for all with our prefix). Idempotent."""
    for chain in forward_chains():
        if is_iptables(chain) and (program := _program(context, chain)):
            for name in bridges:
                for rule in _rules(name):
                    for target in ("DOCKER-USER", "FORWARD"):
                        _run(program, "-D", target, *rule)


def _program(context: NetworkContext, chain: Chain) -> str:
    name = "iptables" if chain.family == "ip" else "ip6tables"
    return context.helper(name + "-nft") or context.helper(name)


def _rules(bridge: str) -> Iterator[tuple[str, ...]]:
    """Out of containers; and into them what answers them or was sent to a published port."""
    comment = ("-m", "comment", "--comment", "skerry")
    yield ("-i", bridge, *comment, "-j", "ACCEPT")
    yield ("-o", bridge, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED,DNAT", *comment, "-j", "ACCEPT")


def _run(program: str, *arguments: str) -> str:
    """What iptables said; empty when it succeeded."""
    done = spawn.run([program, "-w", "5", *arguments], timeout_s=20)
    if not done.code:
        return ""
    return done.stderr.decode(errors="replace").strip().partition("\n")[0] or f"exit code {done.code}"
