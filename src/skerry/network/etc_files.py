"""/etc/hosts and /etc/resolv.conf of a container."""

from __future__ import annotations

from skerry.errors import Invalid
from skerry.network.addresses import is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

HOST_NAMES = ("host.containers.internal", "host.docker.internal")
_STUB = "/run/systemd/resolve/resolv.conf"
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def check_name(name: str) -> str:
    """``name``, when it can stand in /etc/hosts and be asked of a DNS server. `Invalid` otherwise."""
    if not name or len(name) > 255 or not _NAME.issuperset(name):
        raise Invalid(f"invalid host name {name!r}", hint="letters, digits, - _ and . are allowed")
    return name


def parse_add_host(item: str, host_ip: str) -> tuple[str, list[str]]:
    """``NAME[;NAME…]:IP`` of ``--add-host``; ``host-gateway`` stands for the host's address."""
    names, colon, address = item.partition(":")
    if not colon or not names:
        raise Invalid(f'bad format for add-host: "{item}"', hint="NAME[;NAME…]:IP")
    if address == "host-gateway":
        if not host_ip:
            raise Invalid(
                f'failed to create new hosts file: unable to replace "host-gateway" of host entry "{item}": host '
                "containers internal IP address is empty"
            )
        address = host_ip
    address = address.strip("[]")
    if not is_address(address):
        raise Invalid(f'invalid IP address in add-host: "{address}"')
    return address, [check_name(name) for name in names.split(";")]


def hosts(
    own: Sequence[tuple[str, Sequence[str]]] = (), *, add_hosts: Sequence[str] = (), host_ip: str = "", base: str = ""
) -> str:
    """The text of /etc/hosts.

    ``own``: (address, names) of the container itself. ``add_hosts`` as given by the user come first, as in Podman,
    so that they win. ``host_ip`` is the address at which the container reaches its host. ``base``: the text of the
    file that it is based on."""
    lines, known = [], set()
    for item in add_hosts:
        address, names = parse_add_host(item, host_ip)
        known.update(names)
        lines.append(f"{address}\t{' '.join(names)}")
    for line in base.splitlines():
        fields = line.partition("#")[0].split()
        names = [name for name in fields[1:] if name not in known]
        if fields and names:
            known.update(names)
            lines.append(f"{fields[0]}\t{' '.join(names)}")
    if "localhost" not in known:
        lines += ["127.0.0.1\tlocalhost", "::1\tlocalhost"]
    host_names = [name for name in HOST_NAMES if name not in known]
    if host_ip and host_names:
        lines.append(f"{host_ip}\t{' '.join(host_names)}")
    for address, given in own:
        names = [check_name(name) for name in dict.fromkeys(given) if name and name not in known]
        if names:
            lines.append(f"{address}\t{' '.join(names)}")
    return "\n".join(lines) + "\n"


def internal_address(setting: str, found: str) -> str:
    """The address of `HOST_NAMES`: what containers.conf's ``host_containers_internal_ip`` says (``none``: nothing),
    else the one that was found."""
    return "" if setting == "none" else setting or found


class Resolver:
    """What a resolv.conf says."""

    __slots__ = ("options", "searches", "servers")

    def __init__(self, servers: list[str], searches: list[str], options: list[str]) -> None:
        self.servers, self.searches, self.options = servers, searches, options


def parse_resolv_conf(text: str) -> Resolver:
    """Read a resolv.conf; the last ``search`` or ``domain`` counts."""
    found = Resolver([], [], [])
    for line in text.splitlines():
        fields = line.split("#")[0].split(";")[0].split()
        if len(fields) < 2:
            continue
        if fields[0] == "nameserver":
            found.servers.append(fields[1])
        elif fields[0] in ("search", "domain"):
            found.searches = fields[1:]
        elif fields[0] == "options":
            found.options += fields[1:]
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def is_loopback(server: str) -> bool:
    """Whether a name server's address means another machine inside a container than on the host."""
    return server.startswith("127.") or server.partition("%")[0] == "::1"


def resolver_of(namespace: str) -> Resolver:
    """The host's, or what it has for a network namespace of ``ip netns`` (/etc/netns/NAME/resolv.conf)."""
    folder, _, name = namespace.rpartition("/")
    if folder in ("/run/netns", "/var/run/netns"):
        text = _read(f"/etc/netns/{name}/resolv.conf")
        if text:
            return parse_resolv_conf(text)
    return host_resolver()


def host_resolver(path: str = "/etc/resolv.conf", stub: str = _STUB) -> Resolver:
    """The host's own; behind a local stub such as systemd-resolved's, what the stub asks."""
    found = parse_resolv_conf(_read(path))
    if found.servers and all(map(is_loopback, found.servers)):
        behind = parse_resolv_conf(_read(stub))
        if behind.servers:
            return behind
    return found


def resolv_conf(
    *, servers: Sequence[str] = (), searches: Sequence[str] = (), options: Sequence[str] = (),
    network_servers: Sequence[str] = (), network_searches: Sequence[str] = (), host_network: bool = False,
    forwarder: str = "", host: Resolver | None = None, ipv6: bool = True,
) -> str:  # fmt: skip
    """The text of /etc/resolv.conf.

    ``network_servers`` (the networks' own DNS) come first and ask ``servers`` themselves; else ``servers``
    (--dns), else ``forwarder`` (pasta's) and the host's. ``searches`` "." means none."""
    host = host or host_resolver()
    if network_servers:
        chosen = list(network_servers)
    elif servers:
        chosen = list(servers)
    else:
        chosen = ([forwarder] if forwarder else []) + [
            server for server in host.servers
            if host_network or not (is_loopback(server) or "%" in server or (not ipv6 and ":" in server))
        ]  # fmt: skip
    for server in servers:
        if not is_address(server):
            raise Invalid(f"{server} is not an ip address")
    looked = searches or [*network_searches, *host.searches]  # who says where to look means only there
    looked = [] if "." in searches else [_word(item) for item in dict.fromkeys(looked)]
    wanted = [_word(item) for item in dict.fromkeys(options or host.options)]
    lines = [f"search {' '.join(looked)}"] if looked else []
    lines += [f"nameserver {server}" for server in dict.fromkeys(chosen)]
    lines += [f"options {' '.join(wanted)}"] if wanted else []
    return "\n".join(lines) + "\n" if lines else ""


def check_domain(text: str) -> str:
    """``text``, when it can be searched: ``.`` (nothing is) or a domain, which has a letter. `Invalid`."""
    if text != "." and not (_NAME.issuperset(text) and any(map(str.isalpha, text))):
        raise Invalid(f"{text} is not a valid domain")
    return text


def _word(text: str) -> str:
    if not text.isprintable() or not text or " " in text:
        raise Invalid(f"invalid word {text!r} for resolv.conf")
    return text
