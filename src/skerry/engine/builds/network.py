"""A step and the network: its namespace, what connects that, and the files that name hosts in it."""

from __future__ import annotations

import os

from skerry.engine.containers.network import netns_path
from skerry.errors import Invalid, Unavailable
from skerry.linux import netns
from skerry.network import etc_files
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.builds.types import RunRequest
    from skerry.engine.engine import Engine
    from skerry.network.types import NetworkRequest

_FREE = ("none", "host")


class StepNetwork:
    """What one step holds of the network. ``mode``: none, host, bridge, pasta, ns. ``path``: its namespace, "" where
    the runtime makes one or the host's is used."""

    def __init__(self, engine: Engine, container_id: str, wanted: str, folder: str) -> None:
        self._engine = engine
        self._id = container_id
        self._folder = folder
        self.mode, self._networks, self._options, self.path = _parsed(engine, wanted)
        self._status: dict[str, Any] = {}
        self._forwarder = self._host_ip = ""

    @property
    def spec_mode(self) -> str:
        """As the runtime's configuration names it."""
        return f"ns:{self.path}" if self.mode == "ns" else self.mode

    def connect(self, owner: str = "", servers: Sequence[str] = ()) -> None:
        """Make the namespace and connect it; it belongs to the user namespace ``owner`` (a file), else to ours.
        ``servers``: what a network's own name server asks for what it does not know. Killed half-way: `take_down` by
        whoever sweeps."""
        if self.mode not in ("bridge", "pasta"):
            return
        self.path = step_netns(self._engine, self._id)
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o711, exist_ok=True)
            step("build.namespace")
            netns.create(self.path, owner=owner)
        except OSError as error:
            raise Unavailable(f"cannot make a network namespace: {error.strerror}") from error
        step("build.network")
        if self.mode == "pasta":
            from skerry.network import pasta

            started = pasta.start(self._engine.network, self.path, (), self._options, pid_file=self._pid_file())
            self._forwarder, self._host_ip = started.forwarder, started.host_ip
            return
        from skerry.network import setup

        asked = [server for server in servers or self._engine.settings.dns_servers if server != "none"]
        networks: list[NetworkRequest] = [{**each, "servers": asked} for each in self._networks]
        done = setup.set_up(self._engine.network, self._id, "build", self.path, networks, [])
        self._status = done.status
        if self._engine.network.shared:
            from skerry.network import pasta, reach

            self._forwarder = pasta.DNS_FORWARD
            self._host_ip = reach.host_address(
                self._engine.network, self._engine.settings.conf["network"]["pasta_options"]
            )
            return
        gateways = [subnet.get("gateway", "") for subnet in self._subnets()]
        self._host_ip = next(filter(None, gateways), "")

    def take_down(self) -> None:
        """Undo `connect`. Idempotent."""
        if self.mode == "pasta":
            from skerry.network import pasta

            pasta.stop(self._pid_file())
        if self.mode in ("bridge", "pasta"):
            take_down(self._engine, self._id, leased=self.mode == "bridge")

    def _pid_file(self) -> str:
        return self._folder + "/pasta.pid"

    def _subnets(self) -> list[dict[str, str]]:
        return [
            subnet
            for network in self._status.values()
            for interface in network["interfaces"].values()
            for subnet in interface["subnets"]
        ]

    def files(self, request: RunRequest, hostname: str) -> dict[str, str]:
        """Place in the step → text: /etc/resolv.conf and /etc/hosts."""
        settings = self._engine.settings
        files: dict[str, str] = {}
        servers = [server for network in self._status.values() for server in network.get("dns_server_ips") or ()]
        searches = [name for network in self._status.values() for name in network.get("dns_search_domains") or ()]
        if request.dns != ["none"]:
            files["/etc/resolv.conf"] = etc_files.resolv_conf(
                servers=request.dns or settings.dns_servers, searches=request.dns_search or settings.dns_searches,
                options=request.dns_options or settings.dns_options, network_servers=servers, network_searches=searches,
                host_network=self.mode == "host", forwarder=self._forwarder,
            )  # fmt: skip
        if not (request.no_hosts or settings.no_hosts):
            own = [(subnet["ipnet"].partition("/")[0], (hostname,)) for subnet in self._subnets()]
            files["/etc/hosts"] = etc_files.hosts(
                own or [("127.0.0.1", (hostname,))], add_hosts=request.hosts,
                host_ip=etc_files.internal_address(settings.host_containers_ip, self._host_ip), base=_base_hosts(settings.base_hosts_file),
            )  # fmt: skip
        return files


def _parsed(engine: Engine, wanted: str) -> tuple[str, list[NetworkRequest], list[str], str]:
    """(mode, networks, pasta's options, namespace's path) of a --network value."""
    default = "pasta" if engine.settings.rootless else "bridge"
    if wanted in ("", "default"):
        wanted = str(engine.settings.default_netns or default)
    if wanted in ("private", "default"):
        wanted = default
    kind, colon, rest = wanted.partition(":")
    if wanted in _FREE:
        return wanted, [], [], ""
    if kind == "pasta":
        return "pasta", [], rest.split(",") if rest else [], ""
    if kind == "ns" and colon:
        if not rest.startswith("/"):
            raise Invalid("--network ns: needs a path")
        return "ns", [], [], rest
    if kind in ("container", "slirp4netns"):
        raise Invalid(
            f'a build cannot use the network "{wanted}"', hint="default, none, host, private, a network's name"
        )
    name = engine.settings.default_network if kind == "bridge" else kind
    request: NetworkRequest = {"name": name, "static_ips": [], "aliases": []}
    return "bridge", [request], [], ""


def _base_hosts(setting: str) -> str:
    """The file that the step's hosts begin with. Unlike in a container not the host's own: a build shall not depend on
    where it runs."""
    if setting in ("", "none", "image"):
        return ""
    try:
        with open(setting, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def step_netns(engine: Engine, container_id: str) -> str:
    """Where a step's network namespace is kept: never taken for a container's."""
    return netns_path(engine, "build-" + container_id)


def take_down(engine: Engine, container_id: str, *, leased: bool = True) -> None:
    """Give back what a step holds of the network, also one whose builder died. Idempotent."""
    if leased:
        from skerry.network import setup

        step("build.network-down")
        setup.tear_down(engine.network, container_id)
    try:
        step("build.namespace-remove")
        netns.remove(step_netns(engine, container_id))
    except OSError as error:
        raise Unavailable(f"cannot remove a step's network namespace: {error.strerror}") from error
