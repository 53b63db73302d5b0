"""Which namespaces a container has of its own, shares with the host, or with another container."""

from __future__ import annotations

from skerry.errors import Conflict, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.network.types import NetworkRequest
    from skerry.runtime.types import Namespaces

_WORDS = {
    "pid": ("private", "host"),
    "ipc": ("private", "host", "shareable", "none"),
    "uts": ("private", "host"),
    "cgroupns": ("private", "host"),
    "userns": ("host", "private", ""),
}


MAPPED = ("auto", "keep-id", "nomap")


def namespaces(engine: Engine, options: CreateOptions, default_cgroup: str) -> Namespaces:
    """All but the network's."""
    result: Namespaces = {
        "pid": _mode(engine, "pid", options.get("pid", "")) or "private",
        "ipc": _mode(engine, "ipc", options.get("ipc", "")) or "shareable",
        "uts": _mode(engine, "uts", options.get("uts", "")) or "private",
        "cgroup": _mode(engine, "cgroupns", options.get("cgroupns", "")) or default_cgroup,
    }
    userns = options.get("userns", "")
    mapped = userns.partition(":")[0] in MAPPED  # `userns.apply` does those
    result["user"] = "host" if mapped else _mode(engine, "userns", userns) or "host"
    return result


def _mode(engine: Engine, flag: str, value: str) -> str:
    if not value or value in _WORDS[flag]:
        return value
    kind, colon, rest = value.partition(":")
    if colon and rest and kind == "container":
        from skerry.engine.containers.state import find

        record = find(engine, rest)[0]
        if flag == "ipc" and record["config"]["namespaces"]["ipc"] in ("private", "none"):
            raise Conflict(
                f"joining IPC of container {record['id']} is not allowed: non-shareable IPC",
                hint="that container needs --ipc=shareable",
            )
        return f"container:{record['id']}"
    if colon and rest and kind == "ns":
        return value
    raise Invalid(f'unrecognized namespace mode "{value}" for --{flag}', hint=", ".join(filter(None, _WORDS[flag])))


def network_mode(engine: Engine, options: CreateOptions) -> tuple[str, list[NetworkRequest], list[str]]:
    """(mode, networks to join, pasta's options); mode: bridge, none, host, pasta, container:ID, ns:PATH."""
    given = options.get("network") or []
    default = "pasta" if engine.settings.rootless else "bridge"
    if not given:
        given = [str(engine.settings.default_netns) if engine.settings.default_netns else default]
    given = [default if item in ("default", "private") else item for item in given]
    first, _, rest = given[0].partition(":")
    if first in ("none", "host", "pasta", "container", "ns", "slirp4netns"):
        if len(given) > 1:
            raise Invalid(f'cannot set multiple networks without bridge network mode, selected mode "{first}"')
        return _single(engine, first, rest, options)
    requests = [_request(engine, item, options, alone=len(given) == 1) for item in given]
    if engine.settings.conf["containers"]["interface_name"] == "device":
        for request in requests:
            _name_as_device(engine, request)
    return "bridge", requests, []


def _name_as_device(engine: Engine, request: NetworkRequest) -> None:
    """containers.conf's interface_name="device": the interface is called as the host's own of that network."""
    from skerry.network.definitions import find

    device = find(engine.network, request["name"]).get("network_interface", "")
    if device:
        request.setdefault("interface_name", device)


def _single(
    engine: Engine, mode: str, rest: str, options: CreateOptions
) -> tuple[str, list[NetworkRequest], list[str]]:
    for flag in ("ip", "ip6", "mac_address", "network_alias"):
        if options.get(flag):
            raise Invalid(f"--{flag.replace('_', '-')} can only be set when the network mode is bridge")
    if mode == "container":
        from skerry.engine.containers.state import find

        return "container:" + find(engine, rest)[0]["id"], [], []
    if mode == "ns":
        if not rest.startswith("/"):
            raise Invalid("--network ns: needs a path")
        return "ns:" + rest, [], []
    if mode == "slirp4netns":
        raise Invalid("slirp4netns is no longer supported", hint="use --network=pasta")
    return mode, [], (rest.split(",") if rest else [])


def _request(engine: Engine, item: str, options: CreateOptions, *, alone: bool) -> NetworkRequest:
    name, _, rest = item.partition(":")
    if name == "bridge":
        name = engine.settings.default_network
    request: NetworkRequest = {"name": name, "static_ips": [], "aliases": list(options.get("network_alias", ()))}
    for option in filter(None, rest.split(",")):
        key, _, value = option.partition("=")
        if key in ("ip", "ip6"):
            request["static_ips"].append(value)
        elif key == "mac":
            request["static_mac"] = value
        elif key == "alias":
            request["aliases"].append(value)
        elif key == "interface_name":
            request["interface_name"] = value
        else:
            raise Invalid(f"unknown bridge network option: {key}")
    if alone:
        request["static_ips"] += [options[key] for key in ("ip", "ip6") if options.get(key)]  # type: ignore[literal-required]
        if options.get("mac_address"):
            request["static_mac"] = options["mac_address"]
    elif options.get("ip") or options.get("ip6") or options.get("mac_address"):
        raise Invalid("--ip, --ip6 and --mac-address can only be set for a single network")
    return request
