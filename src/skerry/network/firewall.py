"""One nftables table for all of Skerry: `inet skerry`. Its rules never change; sets and maps say what they act on.

A network is an element of ``bridges2`` (and of ``inside``, its subnets, unless it is internal; of ``from`` where it is to
have a certain address outside); a published port is an
element of a map, and so is a range with the same numbers on both sides. ``same``: with br_netfilter what stays on one
bridge passes the forward chain too. The kernel takes no answer for ::1 from a bridge: better refused at once than
waited for. Other tables are not touched. An accept here
cannot overrule a drop in another table's forward chain: see `foreign`.
"""

from __future__ import annotations

import _thread
import errno
import os

from skerry.errors import Invalid, Unavailable
from skerry.linux import spawn
from skerry.linux.netlink import nft
from skerry.linux.netlink.message import USUAL_BYTES
from skerry.network.addresses import Net, pack
from skerry.network.bridge import is_managed
from skerry.network.ports import ANY, PROTOCOLS
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from skerry.linux.netlink.message import Netlink
    from skerry.linux.netlink.nft import Element
    from skerry.network.types import Network, PortMapping

    # set or map → elements
    Elements = dict[str, list[Element]]

TABLE = "skerry"
_PATIENCE_S = 120  # the kernel loads its modules then, on a machine that boots
# Other rules need another name of this set: then a table that an older version made is replaced. (One without the maps
# ``from`` is replaced by the first network that has an element for them.)
_BRIDGES = "bridges2"
_RULES = """
table inet skerry
delete table inet skerry
table inet skerry {
  set bridges2 { type ifname; }
  set same { type ifname . ifname; }
  set internal { type ifname; }
  set isolated { type ifname; }
  set strict { type ifname; }
  set inside4 { type ipv4_addr; flags interval; }
  set inside6 { type ipv6_addr; flags interval; }
  map from4 { type ipv4_addr : ipv4_addr; flags interval; }
  map from6 { type ipv6_addr : ipv6_addr; flags interval; }
  map any4 { type inet_proto . inet_service : ipv4_addr . inet_service; }
  map any6 { type inet_proto . inet_service : ipv6_addr . inet_service; }
  map host4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }
  map host6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }
  map range4 { type inet_proto . inet_service : ipv4_addr; flags interval; }
  map range6 { type inet_proto . inet_service : ipv6_addr; flags interval; }
  map hostrange4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr; flags interval; }
  map hostrange6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr; flags interval; }
  chain guard {
    type filter hook prerouting priority raw; policy accept;
    iifname @bridges2 ip daddr 127.0.0.0/8 drop
  }
  chain published {
    dnat ip to ip daddr . meta l4proto . th dport map @host4
    dnat ip to meta l4proto . th dport map @any4
    dnat ip to ip daddr . meta l4proto . th dport map @hostrange4
    dnat ip to meta l4proto . th dport map @range4
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @host6
    dnat ip6 to meta l4proto . th dport map @any6
    dnat ip6 to ip6 daddr . meta l4proto . th dport map @hostrange6
    dnat ip6 to meta l4proto . th dport map @range6
  }
  chain prerouting { type nat hook prerouting priority dstnat; policy accept; fib daddr type local jump published; }
  chain output {
    type nat hook output priority -100; policy accept;
    ip6 daddr ::1 return
    fib daddr type local jump published
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat ip saddr @inside4 ip daddr @inside4 masquerade
    ct status dnat ip6 saddr @inside6 ip6 daddr @inside6 masquerade
    oifname @bridges2 ip saddr 127.0.0.0/8 masquerade
    oifname != @bridges2 snat ip to ip saddr map @from4
    oifname != @bridges2 snat ip6 to ip6 saddr map @from6
    oifname != @bridges2 ip saddr @inside4 masquerade
    oifname != @bridges2 ip6 saddr @inside6 masquerade
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    ct state established,related accept
    ct status dnat accept
    iifname . oifname @same accept
    iifname @internal drop
    oifname @internal drop
    iifname @isolated oifname @isolated drop
    iifname @strict oifname @bridges2 drop
    iifname @bridges2 oifname @strict drop
  }
}
"""


class Firewall:
    """The table, over one nfnetlink socket."""

    __slots__ = ("_deleted", "_netlink")
    _lingering: Netlink | None = None

    def __init__(self) -> None:
        self._netlink: Netlink | None = None
        self._deleted = False

    def _socket(self) -> Netlink:
        if self._netlink is None:
            self._netlink = nft.open_nft()
        return self._netlink

    def close(self) -> None:
        """Close the socket without waiting, and without making the others wait.

        The kernel flushes what was deleted when any nfnetlink socket closes, for a grace period of RCU (5-20 ms) and
        with all firewall changes of the namespace locked out (nft_rcv_nl_event). A moment later that has happened by
        itself and a close is free. So a socket that deleted is left to a process that sleeps that long, and another
        one to the end of this process, or the next socket."""
        if self._netlink is None:
            return
        if self._deleted:
            _close_later(self._netlink)
        else:
            Firewall._lingering = self._netlink
        self._netlink = None

    def add(self, elements: Elements, *, exclusive: bool = True) -> bool:
        """Add elements, all or none (a user's thousands of ports in pieces: the lease tells of them). False: there is no
        table (`create` it). `FileExistsError`: one is there."""
        changes = [
            c for name, some in elements.items() for c in nft.add_elements(TABLE, name, some, exclusive=exclusive)
        ]
        if not changes:
            return True
        try:
            step("network.firewall-add")
            for batch in self._at_once(changes):
                self._socket().send(nft.batch(batch))
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            if error.errno == errno.EEXIST:
                raise FileExistsError(error.errno, error.strerror) from error
            raise Unavailable(f"cannot change the firewall: {error.strerror}") from error
        return True

    def delete(self, elements: Elements) -> None:
        """Delete elements. What is not there is no error: then each is tried alone."""
        changes = [c for name, some in elements.items() for c in nft.delete_elements(TABLE, name, some)]
        if not changes:
            return
        self._deleted = True
        try:
            step("network.firewall-delete")
            for batch in self._at_once(changes):
                self._socket().send(nft.batch(batch))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise Unavailable(f"cannot change the firewall: {error.strerror}") from error
            if sum(len(list(_parts(name, some))) for name, some in elements.items()) > 1:
                for name, some in elements.items():
                    for part in _parts(name, some):
                        self.delete({name: part})

    def _at_once(self, changes: list[bytes]) -> list[list[bytes]]:
        """The messages in as few batches as may be sent."""
        if self._socket().make_room(sum(map(len, changes)) + 100):
            return [changes]
        batches: list[list[bytes]] = []
        size = USUAL_BYTES
        for change in changes:
            size += len(change)
            if size > USUAL_BYTES - 100:
                batches.append([])
                size = len(change)
            batches[-1].append(change)
        return batches

    def has_rules(self, program: str) -> bool:
        """Whether the table is there with rules in each of its chains: what flushes all tables leaves them empty."""
        if not program:
            return True  # then it could not be made anew
        from skerry import fastjson

        done = spawn.run([program, "-j", "-t", "list", "table", "inet", TABLE], timeout_s=30)
        try:
            items = fastjson.loads(done.stdout.decode())["nftables"] if not done.code else []
        except (Invalid, KeyError):
            items = []
        filled = {item["rule"]["chain"] for item in items if "rule" in item}
        lines = [line.split() for line in _RULES.splitlines()]
        return filled >= {words[1] for words in lines if words and words[0] == "chain"}

    def create(self, program: str) -> None:
        """Make the table with the nft program (12-30 ms): once per boot, or after another tool flushed all rules.

        It stays when it is empty. One that is there already, of another version, is replaced in the same change."""
        if not program:
            raise Unavailable("nft is not installed", hint="apt-get install nftables")
        done = spawn.run([program, "-f", "-"], input=_RULES.encode(), timeout_s=_PATIENCE_S)
        if done.code:
            text = done.stderr.decode(errors="replace").strip().partition("\n")[0]
            raise Unavailable(f"cannot make the firewall's table: {text}")

    def remove(self) -> bool:
        """Delete the table; whether there was one."""
        self._deleted = True
        try:
            self._socket().send(nft.batch([nft.delete_table(TABLE)]))
            return True
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise Unavailable(f"cannot remove the firewall's table: {error.strerror}") from error


def _close_later(netlink: Netlink) -> None:
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    try:
        pid = spawn.spawn(
            ["sleep", "0.05"], stdin=null, stdout=null, stderr=null, pass_fds=[netlink.fileno()], cwd="/",
            new_session=True,
        )  # fmt: skip
        _thread.start_new_thread(os.waitpid, (pid, 0))
    except Unavailable:
        pass  # then the close waits
    finally:
        os.close(null)
    netlink.close()


def _parts(name: str, elements: list[Element]) -> Iterable[list[Element]]:
    """What can be deleted alone: both ends of an interval belong together in the sets of subnets."""
    size = 2 if name.startswith(("inside", "from")) else 1
    return (elements[start : start + size] for start in range(0, len(elements), size))


def network_elements(network: Network) -> Elements:
    """What makes the rules act on a network: nothing for one that passes the host by, or is the host's own."""
    if not is_managed(network):
        return {}
    name = network["network_interface"].encode().ljust(16, b"\0")
    found: Elements = {_BRIDGES: [(name, b"", b"", 0)], "same": [(name * 2, b"", b"", 0)]}
    # As netavark 2: no network reaches another one unless it says so (docs/decisions/043).
    chosen = {"true": "isolated", "1": "isolated", "false": "", "0": ""}
    isolated = chosen.get(network.get("options", {}).get("isolate", "strict"), "strict")
    if isolated:
        found[isolated] = [(name, b"", b"", 0)]
    if network.get("internal"):
        found["internal"] = [(name, b"", b"", 0)]
        return found
    for subnet in network.get("subnets") or ():
        net = Net(subnet["subnet"])
        family = "4" if net.size == 4 else "6"
        outside = network.get("options", {}).get("outbound_addr" + family, "")
        for kind, data in [("inside", b""), *([("from", pack(outside))] if outside else [])]:
            ends: list[Element] = [(net.first.to_bytes(net.size, "big"), b"", data, 0)]
            if net.last + 1 < 1 << 8 * net.size:
                ends.append(((net.last + 1).to_bytes(net.size, "big"), b"", b"", nft.INTERVAL_END))
            found.setdefault(kind + family, []).extend(ends)
    return found


def port_elements(ports: list[PortMapping], addresses: Iterable[str]) -> Elements:
    """Published ports as elements: each leads to the container's first address of its family."""
    targets: dict[int, bytes] = {}
    for address in addresses:
        packed = pack(address)
        targets.setdefault(len(packed), packed)
    found: Elements = {}
    for port in ports:
        for size, packed in targets.items():
            host = b"" if port["host_ip"] in ANY else pack(port["host_ip"])
            if (host and len(host) != size) or (
                port["host_ip"] in ("0.0.0.0", "::") and len(pack(port["host_ip"])) != size
            ):
                continue
            name, elements = _mapping(port, host, packed)
            found.setdefault(name + ("4" if size == 4 else "6"), []).extend(elements)
    return found


def _mapping(port: PortMapping, host: bytes, target: bytes) -> tuple[str, list[Element]]:
    protocol, first, inner, length = (
        PROTOCOLS[port["protocol"]],
        port["host_port"],
        port["container_port"],
        port["range"],
    )
    if first == inner and length > 1:
        ends = (nft.port_key(protocol, first, host), nft.port_key(protocol, first + length - 1, host))
        return ("hostrange" if host else "range"), [(*ends, target, 0)]
    return ("host" if host else "any"), [
        (nft.port_key(protocol, first + n, host), b"", nft.target(target, inner + n), 0) for n in range(length)
    ]
