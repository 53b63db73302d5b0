"""``skerry network update``."""

from __future__ import annotations

from skerry.errors import Invalid
from skerry.network import definitions
from skerry.network.addresses import is_address
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine


def update(engine: Engine, name: str, *, dns_add: Sequence[str] = (), dns_drop: Sequence[str] = ()) -> None:
    """See `Networks.update`. `Invalid` for a network without DNS and for what is no address."""
    for which, addresses in (("Add", dns_add), ("Remove", dns_drop)):
        for address in addresses:
            if not is_address(address):
                raise Invalid(f"unable to parse ip {address} specified in {which}DNSServer: invalid argument")
    with engine.store.lock("network", "create"):
        network = definitions.find(engine.network, name)
        if not network.get("dns_enabled"):
            raise Invalid(f"cannot update the name servers of network {network['name']}: its DNS is disabled")
        servers = [server for server in network.get("network_dns_servers") or () if server not in dns_drop]
        network["network_dns_servers"] = [*servers, *(server for server in dns_add if server not in servers)]
        step("network.update")
        definitions.save(engine.network, network)
    from skerry.network.change import set_servers

    set_servers(engine.network, network)
