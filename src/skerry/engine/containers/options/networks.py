"""``--network``: what connects a container, and by which addresses and names."""

from __future__ import annotations

import os

from skerry.engine.containers.options.namespaces import check_path, check_value, sharer
from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.network.types import NetworkRequest

_SINGLE = ("none", "host", "pasta", "container", "ns", "slirp4netns")  # not a network that could be one of several
_ADDRESS_FLAGS = ("ip", "ip6", "mac_address")


def network_mode(engine: Engine, options: CreateOptions) -> tuple[str, list[NetworkRequest], list[str]]:
    """(mode, networks to join, pasta's options); mode: bridge, none, host, pasta, container:ID, ns:PATH."""
    default = "pasta" if engine.settings.rootless else "bridge"
    given = _items(options.get("network") or ())
    if not given:
        given = [str(engine.settings.default_netns) if engine.settings.default_netns else default]
    given = [default if item in ("default", "private") else item for item in given]
    first, _, rest = given[0].partition(":")
    if first in _SINGLE:
        if len(given) > 1:
            raise Invalid(
                f"cannot set multiple networks without bridge network mode, selected mode {first}: invalid argument"
            )
        return _single(engine, first, rest, options)
    for item in given[1:]:
        kind = item.partition(":")[0]
        if kind in _SINGLE:
            raise Invalid(
                f"can only set extra network names, selected mode {kind} conflicts with bridge: invalid argument"
            )
    requests: dict[str, NetworkRequest] = {}  # of one that is named twice the last counts
    for item in given:
        request = _request(engine, item, options)
        requests[request["name"]] = request
    _give_addresses(list(requests.values()), options)
    if engine.settings.conf["containers"]["interface_name"] == "device":
        for request in requests.values():
            _name_as_device(engine, request)
    return "bridge", list(requests.values()), []


def _items(given: Sequence[str]) -> list[str]:
    """A list of names without options may be one value."""
    return [
        name
        for item in given
        for name in (item.split(",") if ":" not in item else [item])
        if name
    ]  # fmt: skip


def _name_as_device(engine: Engine, request: NetworkRequest) -> None:
    """containers.conf's interface_name="device": the interface is called as the host's own of that network."""
    from skerry.network.definitions import find

    device = find(engine.network, request["name"]).get("network_interface", "")
    if device:
        request.setdefault("interface_name", device)


def _single(
    engine: Engine, mode: str, rest: str, options: CreateOptions
) -> tuple[str, list[NetworkRequest], list[str]]:
    for flag in (*_ADDRESS_FLAGS, "network_alias"):
        if options.get(flag):
            raise Invalid(
                f"--{flag.replace('_', '-')} can only be set when the network mode is bridge: invalid argument"
            )
    _refuse_resolver(mode, options)
    if mode in ("container", "ns"):
        check_value(mode, rest)
    if mode == "container":
        return "container:" + sharer(engine, "net", rest)["id"], [], []
    if mode == "ns":
        check_path("network", rest)
        return "ns:" + os.path.abspath(rest), [], []
    if mode == "slirp4netns":
        raise Invalid("slirp4netns is no longer supported", hint="use --network=pasta")
    if rest and mode in ("host", "none"):
        raise NotFound(f"unable to find network with name or ID {mode}: network not found")
    return mode, [], (rest.split(",") if rest else [])


def _refuse_resolver(mode: str, options: CreateOptions) -> None:
    """Name servers for a container that has no network of its own to ask them over."""
    given = options.get("dns") or options.get("dns_search") or options.get("dns_option")
    if mode in ("none", "container") and given and options.get("dns") != ["none"]:
        raise Invalid(f"conflicting options: dns and the network mode: {mode}")
    if mode == "container" and options.get("add_host"):
        raise Invalid(
            "invalid config provided: cannot set extra host entries when the container is joined to another containers "
            "network namespace: invalid configuration"
        )


def _request(engine: Engine, item: str, options: CreateOptions) -> NetworkRequest:
    name, _, rest = item.partition(":")
    if not name:
        raise Invalid("network name cannot be empty")
    request: NetworkRequest = {"name": name, "static_ips": [], "aliases": list(options.get("network_alias", ()))}
    for option in filter(None, rest.split(",")):
        key, _, value = option.partition("=")
        try:
            _set(request, key, value)
        except Invalid as error:
            if name != "bridge":
                error.message = f"invalid option for network {name}: {error.message}"
            raise
    if name == "bridge":
        request["name"] = engine.settings.default_network
    elif name != engine.settings.default_network:
        from skerry.network.definitions import find

        request["name"] = find(engine.network, name)["name"]  # it may be called by its id
    return request


def _set(request: NetworkRequest, key: str, value: str) -> None:
    from skerry.network.addresses import is_address, parse_mac

    if key in ("ip", "ip6"):
        if not is_address(value):
            raise Invalid(f'invalid ip address "{value}"')
        request["static_ips"].append(value)
    elif key == "mac":
        parse_mac(value)
        request["static_mac"] = value
    elif key == "alias":
        if not value:
            raise Invalid("alias cannot be empty")
        request["aliases"].append(value)
    elif key in ("interface_name", "host_interface_name"):
        if not value:
            raise Invalid(f"{key} cannot be empty")
        from skerry.engine.networks.options import check_interface

        check_interface(value)
        request[key] = value  # type: ignore[literal-required]
    else:
        raise Invalid(
            f"unknown option {key}", hint="ip, ip6, mac, alias, interface_name or host_interface_name"
        )  # fmt: skip


def _give_addresses(requests: list[NetworkRequest], options: CreateOptions) -> None:
    """--ip, --ip6 and --mac-address, which are those of the only network."""
    for flag in _ADDRESS_FLAGS:
        value: str = options.get(flag) or ""  # type: ignore[assignment]
        if not value:
            continue
        if len(requests) > 1:
            raise Invalid(f"--{flag.replace('_', '-')} can only be set for a single network: invalid argument")
        if flag == "mac_address":
            requests[0]["static_mac"] = value
        else:
            requests[0]["static_ips"].append(value)
