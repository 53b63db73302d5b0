"""pasta: a container's network without privileges. It copies the host's addresses and ends with the namespace."""

from __future__ import annotations

import os
import select

from skerry.errors import Invalid, Unavailable
from skerry.linux import spawn
from skerry.linux.netlink import route
from skerry.network.addresses import unpack
from skerry.network.ports import assign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.network.context import NetworkContext
    from skerry.network.types import PortMapping

# What pasta answers DNS queries on (Podman's choice), when the host's server is not reachable from the container.
DNS_FORWARD = "169.254.1.1"
# Where a container reaches its host (Podman's choice), by a pasta from August 2024 on.
HOST_IP = "169.254.1.2"
_MAP_HOST = "--map-guest-addr"
_STOP_MS = 1000
_TUN = "/dev/net/tun"
_PROTOCOLS = ("tcp", "udp")
_FAMILIES = frozenset(("0.0.0.0", "::"))  # all addresses of one
_OWN_OPTIONS = ("--netns", "--pid", "-P", "--runas", "--fd", "-F", "--config-net")


class Started:
    """``ports`` have their host ports chosen; ``forwarder`` is a DNS server and ``host_ip`` the host, if reachable.
    ``address`` is the container's."""

    __slots__ = ("address", "forwarder", "host_ip", "ports")

    def __init__(self, ports: list[PortMapping]) -> None:
        self.ports, self.forwarder, self.host_ip, self.address = ports, DNS_FORWARD, "", ""


def start(
    context: NetworkContext, netns_path: str, ports: Sequence[PortMapping] = (), options: Sequence[str] = (),
    *, pid_file: str = "",
) -> Started:  # fmt: skip
    """Connect the namespace; returns when it is connected and pasta has gone to the background.

    ``options`` are the user's (``--network pasta:OPTION,…``). `Conflict` when a port is taken, `Unavailable` with
    pasta's own last words when it does not start."""
    program = context.helper("pasta")
    if not program:
        raise Unavailable(
            "could not find pasta, the network namespace can't be configured", hint="apt-get install passt"
        )
    for port in ports:
        if port["protocol"] not in _PROTOCOLS:
            raise Invalid(f"can't forward protocol: {port['protocol']}")
    chosen = assign(list(ports), ())
    where = [*(["-P", pid_file] if pid_file else []), *_as_root(), "--netns", netns_path]
    maps_host = _maps_host(context, program)
    done = spawn.run([program, *arguments(chosen, options, map_host=maps_host), *where], timeout_s=30)
    if done.code and maps_host and _MAP_HOST.encode() in done.stderr:
        _note_that_it_maps_none(context, program)
        done = spawn.run([program, *arguments(chosen, options), *where], timeout_s=30)
    if done.code:
        closed = not os.access(_TUN, os.R_OK | os.W_OK)
        raise Unavailable(
            f"pasta failed with exit code {done.code}: {_reason(done.stderr)}",
            hint=f"{_TUN} is not accessible; as root: chmod 666 {_TUN}" if closed else "",
        )
    started = Started(chosen)
    started.forwarder = _value(options, "--dns-forward") or DNS_FORWARD
    started.host_ip = host_address(context, options)
    started.address = _value(options, "-a", "--address") or _hosts_address(_value(options, "-i", "--interface"))
    return started


def _value(options: Sequence[str], *names: str) -> str:
    """What the last of these options says."""
    found = ""
    for number, option in enumerate(options):
        name, equals, value = option.partition("=")
        if name in names:
            found = value if equals else "".join(options[number + 1 : number + 2])
    return found


def host_address(context: NetworkContext, options: Sequence[str]) -> str:
    """Where the host is for who is connected by these options; empty when pasta cannot lead there."""
    given = _value(options, _MAP_HOST)
    if given:
        return "" if given == "none" else given
    return HOST_IP if _maps_host(context, context.helper("pasta")) else ""


def _hosts_address(interface: str) -> str:
    """The address that pasta copies: of this interface, else of that with the default route; IPv4 where there is one."""
    netlink = route.open_route()
    try:
        links = [route.link_index(netlink, interface)] if interface else route.default_routes(netlink)
        found = [unpack(address) for link, address, _ in route.addresses(netlink) if link in links[:1]]
    finally:
        netlink.close()
    return min((text for text in found if not text.startswith("fe80:")), key=lambda text: ":" in text, default="")


def _marker(context: NetworkContext) -> str:
    return f"{os.path.dirname(context.host_dir)}/pasta-maps-no-host"


def _stamp(program: str) -> str:
    status = os.stat(program)
    return f"{status.st_mtime_ns} {status.st_size}"


def _maps_host(context: NetworkContext, program: str) -> bool:
    """Whether this very program has not refused the option yet."""
    try:
        with open(_marker(context), encoding="ascii") as file:
            return file.read() != _stamp(program)
    except OSError:
        return True


def _note_that_it_maps_none(context: NetworkContext, program: str) -> None:
    try:
        with open(_marker(context), "w", encoding="ascii") as file:
            file.write(_stamp(program))
    except OSError:
        pass  # then it is asked again the next time


def _as_root() -> list[str]:
    """Started by root pasta becomes nobody and then cannot reach a namespace in root's folders."""
    return ["--runas", "0:0"] if os.geteuid() == 0 else []


def arguments(ports: Sequence[PortMapping], options: Sequence[str], *, map_host: bool = False) -> list[str]:
    """pasta's options but for the namespace. The user's come first and are not contradicted. ``map_host``: lead to the
    host at `HOST_IP`."""
    for option in options:
        if option.partition("=")[0] in _OWN_OPTIONS or not option or "\0" in option:
            raise Invalid(f"pasta option {option!r} cannot be given")
    argv = ["--config-net", *options]
    given = {option.partition("=")[0] for option in options}
    specs: dict[str, list[str]] = {protocol: [] for protocol in _PROTOCOLS}
    for port in _both_families(ports):
        specs[port["protocol"]].append(_forward(port))
    for protocol, short in (("tcp", "-t"), ("udp", "-u")):
        for spec in specs[protocol]:
            argv += [short, spec]
        if not specs[protocol] and not given & {short, f"--{protocol}-ports"}:
            argv += [short, "none"]
    for long, short in (("--tcp-ns", "-T"), ("--udp-ns", "-U")):
        if not given & {long, short}:
            argv += [short, "none"]
    if "--dns-forward" not in given:
        argv += ["--dns-forward", DNS_FORWARD]
    if map_host and _MAP_HOST not in given:
        argv += [_MAP_HOST, HOST_IP]
    if not given & {"--no-map-gw", "--map-gw"}:
        argv.append("--no-map-gw")
    if "--map-gw" in given:
        argv.remove("--map-gw")
    if not given & {"--quiet", "-q", "--debug", "-d", "--trace"}:
        argv.append("--quiet")
    return argv


def _both_families(ports: Sequence[PortMapping]) -> list[PortMapping]:
    """A port of 0.0.0.0 and of :: as one of all addresses: Debian 12's pasta takes a number only once."""
    places: dict[tuple[object, ...], set[str]] = {}  # there may be tens of thousands of them
    for port in ports:
        places.setdefault(_but_for_address(port), set()).add(port["host_ip"])
    found: dict[tuple[object, ...], PortMapping] = {}
    for port in ports:
        key = _but_for_address(port)
        if port["host_ip"] in _FAMILIES and places[key] >= _FAMILIES:
            port = {**port, "host_ip": ""}
        found.setdefault((*key, port["host_ip"]), port)
    return list(found.values())


def _but_for_address(port: PortMapping) -> tuple[object, ...]:
    return port["protocol"], port["host_port"], port["container_port"], port["range"]


def _forward(port: PortMapping) -> str:
    first, inner, last = port["host_port"], port["container_port"], port["range"] - 1
    host, guest = (f"{first}-{first + last}", f"{inner}-{inner + last}") if last else (str(first), str(inner))
    spec = host if host == guest else f"{host}:{guest}"
    return f"{port['host_ip']}/{spec}" if port["host_ip"] else spec


def _reason(stderr: bytes) -> str:
    """What went wrong, without the noise that Debian 12's pasta makes where there is no system log."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and "to syslog" not in line]
    return "; ".join(lines[-3:]) or "no reason given"


def runs(pid_file: str) -> bool:
    """Whether the program whose pid file there is (pasta, or a forwarder) lives."""
    pidfd = _found(pid_file)[1]
    if pidfd >= 0:
        os.close(pidfd)
    return pidfd >= 0


def _found(pid_file: str) -> tuple[int, int]:
    """(pid, pidfd) of the living program that a pid file names; the pidfd is -1 without."""
    try:
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        pidfd = os.pidfd_open(pid)
    except (OSError, ValueError):
        return 0, -1
    try:
        # pasta's /proc/PID/exe is closed to us (it has locked itself in), its command line is not: it names this file.
        with open(f"/proc/{pid}/cmdline", "rb") as arguments:
            if os.fsencode(pid_file) in arguments.read().split(b"\0"):
                return pid, pidfd
    except OSError:
        pass  # it ended meanwhile
    os.close(pidfd)
    return 0, -1


def stop(pid_file: str) -> None:
    """End the pasta whose pid file there is, and wait until its ports are free; without, it ends by itself with the
    namespace, a little later."""
    pid, pidfd = _found(pid_file)
    if pidfd < 0:
        return  # it has gone already
    try:
        os.kill(pid, 15)
        waiting = select.poll()
        waiting.register(pidfd, select.POLLIN)
        waiting.poll(_STOP_MS)
    except OSError:
        pass  # it ended meanwhile
    finally:
        os.close(pidfd)
