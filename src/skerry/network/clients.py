"""A client's real address for the containers of a user's bridges.

The forwarder connects to a container from the client's address (IP_TRANSPARENT), which is not of this namespace. What
the container answers has to come back to the forwarder instead of being routed to the client: such connections are
marked as they go out, and what belongs to them on the way in is looked up in a table in which every address is local.
"""

from __future__ import annotations

import _socket
import errno

from skerry.errors import SkerryError
from skerry.linux import spawn
from skerry.linux.netlink import route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.network.context import NetworkContext

_MARK = _TABLE = 0x5B
_RULES = f"""
table inet skerry_clients
delete table inet skerry_clients
table inet skerry_clients {{
  chain out {{
    type filter hook output priority mangle; policy accept;
    fib saddr type != local ct mark set {_MARK}
  }}
  chain back {{
    type filter hook prerouting priority mangle; policy accept;
    ct mark {_MARK} ct direction reply meta mark set {_MARK}
  }}
}}
"""


def prepare(context: NetworkContext) -> bool:
    """Make the rules in this namespace, once; whether they are there. Repeating costs one message."""
    netlink = route.open_route()
    try:
        # The IPv4 rule comes last: it says that all the rest is there.
        if route.has_rule_of_mark(netlink, _socket.AF_INET, _MARK):
            return True
        program = context.helper("nft")
        if not program or spawn.run([program, "-f", "-"], input=_RULES.encode(), timeout_s=120).code:
            return False
        for family in (_socket.AF_INET6, _socket.AF_INET):
            try:
                netlink.send([route.everything_local(family, _TABLE)])
                netlink.send([route.rule_of_mark(family, _MARK, _TABLE)])
            except OSError as error:
                if family == _socket.AF_INET and error.errno != errno.EEXIST:
                    return False  # a kernel without policy routing; without IPv6 there are no such clients
        return route.has_rule_of_mark(netlink, _socket.AF_INET, _MARK)
    except (OSError, SkerryError):
        return False
    finally:
        netlink.close()
