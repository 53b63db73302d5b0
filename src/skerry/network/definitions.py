"""The definitions of networks: JSON files in netavark's format, one per network, and the default network."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Invalid, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.network.context import NetworkContext
    from skerry.network.types import Network

DEFAULT_INTERFACE = "skerry0"
# sha256("podman"), the id that Podman gives its default network.
_DEFAULT_ID = "2f259bab93aaaaa2542ba43ef33eb990d0999ee1b9924b557b7be53c0b7a1bb9"
NAME_RULE = "[a-zA-Z0-9][a-zA-Z0-9_.-]*"
_FIRST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_REST = _FIRST | frozenset("_.-")


def check_name(name: str) -> str:
    """``name``, when it is one. `Invalid` in Podman's words otherwise."""
    if not name or name[0] not in _FIRST or not _REST.issuperset(name) or len(name) > 128:
        raise Invalid(f"names must match {NAME_RULE}: invalid argument")
    return name


def default_network(context: NetworkContext) -> Network:
    """The network that exists without a file."""
    subnet = str(context.conf.get("default_subnet") or "10.88.0.0/16")
    from skerry.network.addresses import Net

    net = Net(subnet)
    return {
        "name": context.default_network, "id": _DEFAULT_ID, "driver": "bridge",
        "network_interface": DEFAULT_INTERFACE, "created": "2026-01-01T00:00:00Z",
        "subnets": [{"subnet": str(net), "gateway": net.address(net.first + 1)}],
        "ipv6_enabled": False, "internal": False, "dns_enabled": False, "ipam_options": {"driver": "host-local"},
    }  # fmt: skip


def path(context: NetworkContext, name: str) -> str:
    """The file that defines a network."""
    return f"{context.config_dir}/{name}.json"


def load(context: NetworkContext, name: str) -> Network:
    """The network of exactly this name. `NotFound` in Podman's words."""
    if name == context.default_network:
        return _read(path(context, name)) or default_network(context)
    network = _read(path(context, check_name(name))) if name and _REST.issuperset(name) else None
    if network is None:
        raise NotFound(f"unable to find network with name or ID {name}: network not found")
    return network


def all_networks(context: NetworkContext) -> list[Network]:
    """Every network, by name."""
    try:
        files = os.listdir(context.config_dir)
    except FileNotFoundError:
        files = []
    names = {file[:-5] for file in files if file.endswith(".json") and not file.startswith(".")}
    names.add(context.default_network)
    return [load(context, name) for name in sorted(names)]


def find(context: NetworkContext, name_or_id: str) -> Network:
    """By name, id, or the unique beginning of an id."""
    try:
        return load(context, name_or_id)
    except NotFound:
        found = [network for network in all_networks(context) if network["id"].startswith(name_or_id)]
        if name_or_id and len(found) == 1:
            return found[0]
        if name_or_id and found:
            raise Invalid(f"more than one result for network ID {name_or_id}: network is ambiguous") from None
        raise


def _read(path: str) -> Network | None:
    try:
        with open(path, encoding="utf-8") as file:
            network: Network = fastjson.loads(file.read())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from error
    except Invalid as error:
        raise Invalid(f"{path}: {error.message}") from None
    return network


def save(context: NetworkContext, network: Network) -> None:
    """Write a definition durably; it exists from the rename on."""
    try:
        os.makedirs(context.config_dir, mode=0o755, exist_ok=True)
        target = path(context, network["name"])
        temporary = f"{context.config_dir}/.{network['name']}.{os.getpid()}"
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(fastjson.as_text(fastjson.dumps(network, indent=5)))
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, target)
        folder = os.open(context.config_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        os.fsync(folder)
        os.close(folder)
    except OSError as error:
        raise Unavailable(f"cannot write the network {network['name']}: {error.strerror}") from error


def remove(context: NetworkContext, name: str) -> None:
    """Remove a definition. Idempotent."""
    try:
        os.unlink(path(context, name))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Unavailable(f"cannot remove the network {name}: {error.strerror}") from error
