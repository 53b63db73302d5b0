"""Networks: what containers join, defined by files that Podman understands too."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.networks.create import NetworkOptions
    from skerry.network.types import NetworkRequest, PortMapping

    Ports = list[PortMapping]  # named here because `list` is a method below


class Networks:
    """``engine.networks``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(self, name: str = "", options: NetworkOptions | None = None) -> dict[str, Any]:
        """Define a bridge network; free subnet, gateway, interface and name are chosen where not given.

        `Conflict` when the name or the subnet is taken, `Invalid` for what cannot be."""
        from skerry.engine.networks.create import create

        return create(self._engine, name, options or {})

    def inspect(self, name: str) -> dict[str, Any]:
        """The network of this name or id (or the unique beginning of an id), with the running ``containers``."""
        from skerry.engine.networks.view import inspect

        return inspect(self._engine, name)

    def exists(self, name: str) -> bool:
        """Whether there is such a network."""
        from skerry.engine.networks.view import exists

        return exists(self._engine, name)

    def remove(self, name: str, *, force: bool = False, timeout_s: float | None = None) -> str:
        """Remove a network: its name. `InUse` while containers have it, unless ``force`` removes those too (which have
        ``timeout_s`` to stop)."""
        from skerry.engine.networks.remove import remove

        return remove(self._engine, name, force=force, timeout_s=timeout_s)

    def prune(self, *, filters: Sequence[str] = ()) -> list[str]:
        """Remove the networks that no container has: their names."""
        from skerry.engine.networks.remove import prune

        return prune(self._engine, filters)

    def connect(
        self, network: str, container: str, *, aliases: Sequence[str] = (), addresses: Sequence[str] = (), mac: str = "",
        interface: str = "",
    ) -> None:  # fmt: skip
        """Join a container to a network, at once if it runs: by ``aliases`` besides its name, with fixed addresses and
        names if given. `Conflict` when it is on it already."""
        from skerry.engine.networks.connect import connect

        request: NetworkRequest = {"aliases": [*aliases], "static_ips": [*addresses]}
        if mac:
            request["static_mac"] = mac
        if interface:
            request["interface_name"] = interface
        connect(self._engine, network, container, request)

    def disconnect(self, network: str, container: str, *, force: bool = False) -> None:
        """Take a container off a network, at once if it runs."""
        from skerry.engine.networks.connect import disconnect

        disconnect(self._engine, network, container, force=force)

    def reload(self, container: str) -> str:
        """Put a running container's firewall rules and names back, after another tool flushed them: its id."""
        from skerry.engine.networks.connect import reload

        return reload(self._engine, container)

    def publish(self, container: str, *, add: Sequence[PortMapping] = (), remove: Sequence[str] = ()) -> Ports:
        """Publish ports of a container, and some no longer, also while it runs: all that it then has."""
        from skerry.engine.networks.publish import publish

        return publish(self._engine, container, add=add, remove=remove)

    def update(self, name: str, *, dns_add: Sequence[str] = (), dns_drop: Sequence[str] = ()) -> None:
        """Change the name servers that a network's own name server asks, at once for running containers."""
        from skerry.engine.networks.update import update

        update(self._engine, name, dns_add=dns_add, dns_drop=dns_drop)

    def list(self, *, filters: Sequence[str] = ()) -> list[dict[str, Any]]:
        """Networks by name; ``filters`` as ``skerry network ls --filter``."""
        from skerry.engine.networks.view import list_networks

        return list_networks(self._engine, filters)
