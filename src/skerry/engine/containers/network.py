"""A container and the network: which namespace it gets, what connects it, and the files that name hosts in it."""

from __future__ import annotations

import os
import stat

from skerry.engine.containers import run_files
from skerry.engine.containers import state as states
from skerry.errors import Conflict, NotFound, SkerryError, Unavailable
from skerry.linux import process
from skerry.network.context import HOST_DIR, NetworkContext
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.config.settings import Settings
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.network.reserve import Reserved
    from skerry.network.types import NetworkRequest, PortMapping
    from skerry.runtime.types import MountConfig


class Joined:
    """What `connect` made: the namespace's path (None: the runtime makes one, or the host's), and how it looks."""

    __slots__ = ("address", "companions", "forwarder", "host_ip", "path", "ports", "reserved", "status")

    def __init__(self, path: str | None = None, *, ports: list[PortMapping] | None = None) -> None:
        self.path = path
        self.status: dict[str, Any] = {}
        self.ports: list[PortMapping] = ports or []
        self.host_ip = ""
        self.address = ""  # where there is no status to look into
        self.forwarder = ""
        self.companions: list[int] = []  # processes of the host's that belong to its network alone
        self.reserved: Reserved | None = None  # keeps the host ports, as long as the monitor has it


def open_context(settings: Settings) -> NetworkContext:
    """The network room's view of these settings."""
    return NetworkContext(
        settings.network_config_dir, os.path.join(settings.runroot, "networks"),
        host_dir=os.path.join(settings.run_base, "net") if settings.rootless else HOST_DIR,
        rootless=settings.rootless, conf=settings.conf["network"], default_network=settings.default_network,
        helper_dirs=tuple(settings.helper_dirs),
        programs={"pasta": settings.network_cmd_path}, reserve_ports=settings.conf["engine"]["enable_port_reservation"],
        listen_on_ports=settings.conf["engine"]["force_port_listen"],
        shared=_namespace_folder(settings) + "/skerry-bridges" if settings.rootless else "",
    )  # fmt: skip


def connect(engine: Engine, record: ContainerRecord) -> Joined:
    """Make the container's network namespace and connect it, as its mode says."""
    mode, _, rest = str(record["config"]["namespaces"]["net"]).partition(":")
    if mode == "container":
        return Joined(_namespace_of(engine, rest))
    if mode == "ns":
        return Joined(rest)
    if mode == "pasta":
        return _pasta(engine, record)
    if mode == "bridge":
        return _bridge(engine, record)
    joined = Joined()
    if mode == "host":
        joined.host_ip = "127.0.0.1"
    return joined


def _namespace_of(engine: Engine, container_id: str) -> str:
    other, written = states.find(engine, container_id)
    state = states.observe(engine, other["id"], written)
    if state["status"] not in ("running", "paused", "initialized"):
        raise Conflict(
            f"cannot join network namespace of container {other['id']} as it is not running: container state improper"
        )
    return f"/proc/{state['pid']}/ns/net"


def netns_path(engine: Engine, container_id: str) -> str:
    """Where a container's network namespace is kept while nothing runs in it."""
    name = f"netns-{container_id[:24]}"  # Podman's beginning
    if engine.settings.rootless:
        return f"{_namespace_folder(engine.settings)}/{name}"
    return engine.store.run_path("netns", name)


def _namespace_folder(settings: Settings) -> str:
    if settings.run_base.startswith("/run/user/"):
        # Debian's and Ubuntu's AppArmor profile lets pasta open namespaces nowhere else.
        return os.path.join(os.path.dirname(settings.run_base), "netns")
    return os.path.join(settings.run_base, "netns")


def _user_namespace(engine: Engine, record: ContainerRecord) -> str:
    """The file of the user namespace that the container's network belongs to, so that it may set that up; empty for ours."""
    how, _, rest = str(record["config"]["namespaces"]["user"]).partition(":")
    if how == "ns":
        return rest
    if how not in ("private", "container"):
        return ""
    from skerry.engine.containers.mapped import namespace_path

    path = namespace_path(engine, rest or record["id"])
    return path if how == "private" or os.path.exists(path) else ""


def _make_namespace(engine: Engine, record: ContainerRecord) -> str:
    from skerry.linux import netns

    path = netns_path(engine, record["id"])
    owner = _user_namespace(engine, record)
    try:
        os.makedirs(os.path.dirname(path), mode=0o711, exist_ok=True)
        step("container.namespace")
        netns.create(path, owner=owner)
    except OSError as error:
        raise Unavailable(f"cannot make a network namespace: {error.strerror}") from error
    return path


def _bridge(engine: Engine, record: ContainerRecord) -> Joined:
    from skerry.network import setup

    joined = Joined(_make_namespace(engine, record))
    assert joined.path
    # Networks with names have a server of their own, which asks these for what it does not know.
    servers = record["dns"] or engine.settings.dns_servers
    networks: list[NetworkRequest] = [
        {**request, "aliases": dns_names(record, request), "servers": servers} for request in record["networks"]
    ]
    done = setup.set_up(engine.network, record["id"], record["name"], joined.path, networks, record["ports"])
    joined.status, joined.ports, joined.reserved = done.status, done.ports, done.reserved
    if engine.network.shared and done.ports:
        from skerry.network import pasta, shared

        joined.companions = pasta.living(shared.pid_file(engine.network, record["id"]))
    _complete(engine, joined)
    return joined


def _complete(engine: Engine, joined: Joined) -> None:
    """How a container on bridges reaches its host and the host's name servers."""
    if engine.network.shared:
        # The gateway is not the host but the user's own network namespace; pasta answers for the host's resolver.
        from skerry.network import pasta, reach

        joined.forwarder = pasta.DNS_FORWARD
        joined.host_ip = reach.host_address(engine.network, engine.settings.conf["network"]["pasta_options"])
        return
    for network in joined.status.values():
        for interface in network["interfaces"].values():
            for subnet in interface["subnets"]:
                joined.host_ip = joined.host_ip or subnet.get("gateway", "")


def dns_names(record: ContainerRecord, request: NetworkRequest) -> list[str]:
    """What a network's DNS knows the container by: its name, the network's aliases, its short id, its own hostname."""
    config = record["config"]
    own = [] if config["namespaces"].get("uts") == "host" else [config["hostname"]]
    return list(dict.fromkeys([record["name"], *request.get("aliases", ()), record["id"][:12], *own]))


def rewrite_files(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """/etc/hosts and /etc/resolv.conf of a running container whose networks have changed, in place."""
    joined = Joined(ports=state.get("ports"))
    joined.status = state.get("network") or {}
    _complete(engine, joined)
    for name, text in _files(engine, record, joined).items():
        path = states.run_folder(engine, record["id"], name)
        if name != "hostname" and os.path.exists(path):
            run_files.write(path, text.encode(), 0o644)


def _pasta(engine: Engine, record: ContainerRecord) -> Joined:
    from skerry.network import pasta

    joined = Joined(_make_namespace(engine, record))
    assert joined.path
    started = pasta.start(
        engine.network,
        joined.path,
        record["ports"],
        _pasta_options(engine, record),
        pid_file=_pasta_pid(engine, record),
    )
    joined.ports, joined.forwarder, joined.host_ip = started.ports, started.forwarder, started.host_ip
    joined.address = started.address
    joined.companions = pasta.living(_pasta_pid(engine, record))
    return joined


def _pasta_options(engine: Engine, record: ContainerRecord) -> list[str]:
    return [*engine.settings.conf["network"]["pasta_options"], *record["network_options"]]


def forward_by_pasta(
    engine: Engine, record: ContainerRecord, state: ContainerState, ports: list[PortMapping]
) -> list[PortMapping]:  # fmt: skip
    """Have a running container's pasta forward these ports: the host ports chosen.

    pasta is told at its start, so it is started again, and what is connected through it ends. When it refuses, the one
    with the old ports comes back."""
    from skerry.network import pasta

    path, pid_file, options = state.get("netns", ""), _pasta_pid(engine, record), _pasta_options(engine, record)
    step("network.pasta-stop")
    pasta.stop(pid_file)
    try:
        started = pasta.start(engine.network, path, ports, options, pid_file=pid_file)
    except SkerryError:
        if ports != state.get("ports"):
            pasta.start(engine.network, path, state.get("ports", ()), options, pid_file=pid_file)
        raise
    return started.ports


def pasta_runs(engine: Engine, record: ContainerRecord) -> bool:
    """Whether a container's pasta lives."""
    from skerry.network import pasta

    return bool(pasta.living(_pasta_pid(engine, record)))


def _pasta_pid(engine: Engine, record: ContainerRecord) -> str:
    # AppArmor lets pasta write below the user's home and /tmp, not below /run.
    return states.folder(engine, record["id"], "pasta.pid")


def reserved_ports(state: ContainerState) -> Reserved | None:
    """What keeps a running container's host ports, held by its monitor."""
    inode, monitor = state.get("reserved", 0), state.get("conmon_pid", 0)
    if not inode or not process.is_same(monitor, state.get("conmon_start", 0)):
        return None
    from skerry.network import reserve

    return reserve.of(monitor, inode)


def disconnect(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """Undo `connect`; idempotent, also for what a killed command left half done."""
    mode = str(record["config"]["namespaces"]["net"])
    if mode not in ("bridge", "pasta"):
        return
    path = state.get("netns") or netns_path(engine, record["id"])
    if state.get("ports") and (reserved := reserved_ports(state)):
        reserved.free()  # its monitor may live on for a moment
    if mode == "bridge":
        from skerry.network import setup

        setup.tear_down(engine.network, record["id"])
    else:
        from skerry.network import pasta

        pasta.stop(_pasta_pid(engine, record))
    from skerry.linux import netns

    try:
        step("container.namespace-remove")
        netns.remove(path)
    except OSError as error:
        raise Unavailable(f"cannot remove network namespace {path}: {error.strerror}") from error


def network_files(engine: Engine, record: ContainerRecord, joined: Joined) -> list[MountConfig]:
    """/etc/hosts, /etc/resolv.conf and /etc/hostname for the container, written and ready to be mounted.

    One that joins another container's network has that one's files, as the names are those of that network."""
    taken = {mount["destination"] for mount in record["config"]["mounts"]}
    mode, _, other = str(record["config"]["namespaces"]["net"]).partition(":")
    owner = other if mode == "container" else record["id"]
    result: list[MountConfig] = []
    for name, text in _files(engine, record, joined).items():
        target = f"/etc/{name}"
        if target in taken:
            continue
        path = states.run_folder(engine, record["id"], name)
        shared = states.run_folder(engine, owner, name)
        if mode == "container" and name != "hostname" and os.path.exists(shared):
            path = shared
        else:
            run_files.write(path, text.encode(), 0o644)
        options = ["bind", "rprivate", "nosuid", "nodev", "noexec"]
        if record["config"].get("read_only"):
            options.append("ro")
        result.append({"type": "bind", "source": path, "destination": target, "options": options})
        if name != "hostname":
            result += [
                {"type": "bind", "source": path, "destination": folder + target, "options": options}
                for folder in record["config"].get("chroot_dirs", ())
            ]
    return result


def _files(engine: Engine, record: ContainerRecord, joined: Joined) -> dict[str, str]:
    from skerry.network import etc_files

    files: dict[str, str] = {}
    hostname = record["config"]["hostname"]
    if not record.get("no_hostname"):
        files["hostname"] = hostname + "\n"
    if record["dns"] != ["none"]:
        files["resolv.conf"] = _resolv_conf(engine, record, joined)
    if not record.get("no_hosts"):
        own = [(address, (hostname, record["name"])) for address in _addresses(joined)]
        if not own and record["config"]["namespaces"]["net"] in ("none", "pasta"):
            own = [(joined.address or "127.0.0.1", (hostname, record["name"]))]
        host_ip = etc_files.internal_address(engine.settings.host_containers_ip, joined.host_ip)
        files["hosts"] = etc_files.hosts(
            own, add_hosts=record["add_hosts"], host_ip=host_ip, base=_base_hosts(engine, record)
        )
    return files


def _addresses(joined: Joined) -> list[str]:
    return [
        subnet["ipnet"].partition("/")[0]
        for network in joined.status.values()
        for interface in network["interfaces"].values()
        for subnet in interface["subnets"]
    ]


def _base_hosts(engine: Engine, record: ContainerRecord) -> str:
    """What the file begins with: the host's own, another one, the image's, or nothing."""
    given = record.get("hosts_file", "")
    setting = given or engine.settings.base_hosts_file
    if setting == "none":
        return ""
    if setting == "image":
        return _hosts_in(states.rootfs_path(engine, record))
    try:
        with open(setting or "/etc/hosts", encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError as error:
        if given:
            words = (error.strerror or "").lower()
            raise NotFound(f"failed to create new hosts file: open {given}: {words}") from None
        return ""


def _hosts_in(rootfs: str) -> str:
    from skerry.linux.beneath import open_in_root

    try:
        fd = open_in_root(rootfs, "/etc/hosts", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        return os.read(fd, 1 << 20).decode(errors="replace") if stat.S_ISREG(os.fstat(fd).st_mode) else ""
    finally:
        os.close(fd)


def _resolv_conf(engine: Engine, record: ContainerRecord, joined: Joined) -> str:
    from skerry.network import etc_files

    settings = engine.settings
    servers: list[str] = []
    searches: list[str] = []
    for network in joined.status.values():
        servers += network.get("dns_server_ips") or []
        searches += network.get("dns_search_domains") or []
    return etc_files.resolv_conf(
        servers=record["dns"] or settings.dns_servers, searches=record["dns_search"] or settings.dns_searches,
        options=record["dns_options"] or settings.dns_options, network_servers=servers, network_searches=searches,
        host_network=record["config"]["namespaces"]["net"] == "host", forwarder=joined.forwarder,
        ipv6=_has_ipv6(record, joined),
        host=etc_files.resolver_of(str(record["config"]["namespaces"]["net"]).removeprefix("ns:")),
    )  # fmt: skip


def _has_ipv6(record: ContainerRecord, joined: Joined) -> bool:
    """Whether name servers with IPv6 addresses are any use to the container."""
    mode = record["config"]["namespaces"]["net"]
    if mode == "bridge":
        return any(":" in address for address in _addresses(joined))
    return not (mode == "pasta" and {"-4", "--ipv4-only"} & set(record["network_options"]))
