"""pasta: a container's network without privileges. It copies the host's addresses and ends with the namespace."""

from __future__ import annotations

import os
import select

from skerry.errors import Invalid, Unavailable
from skerry.linux import spawn
from skerry.network import reach
from skerry.network.ports import assign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.network.context import NetworkContext
    from skerry.network.types import PortMapping

# What pasta answers DNS queries on (Podman's choice), when the host's server is not reachable from the container.
DNS_FORWARD = "169.254.1.1"
_STOP_MS = 1000
_TUN = "/dev/net/tun"
_PROTOCOLS = ("tcp", "udp")
_FAMILIES = frozenset(("0.0.0.0", "::"))  # all addresses of one
_OWN_OPTIONS = ("--netns", "--runas", "--fd", "-F", "--config-net")


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
    also = ""
    if pid_file:
        options, also = _without_pid_file(options)
    where = [*(["-P", pid_file] if pid_file else []), *_as_root(), "--netns", netns_path]
    maps_host = reach.maps_host(context, program)
    done = spawn.run([program, *arguments(chosen, options, map_host=maps_host), *where], timeout_s=60)
    if done.code and maps_host and reach.MAP_HOST.encode() in done.stderr:
        reach.note_that_it_maps_none(context, program)
        done = spawn.run([program, *arguments(chosen, options), *where], timeout_s=60)
    if done.code:
        closed = not os.access(_TUN, os.R_OK | os.W_OK)
        raise Unavailable(
            f"pasta failed with exit code {done.code}: {_reason(done.stderr)}",
            hint=f"{_TUN} is not accessible; as root: chmod 666 {_TUN}" if closed else "",
        )
    if also:
        _copy(pid_file, also)
    started = Started(chosen)
    started.forwarder = reach.value(options, "--dns-forward") or DNS_FORWARD
    started.host_ip = reach.host_address(context, options)
    started.address = reach.own_address(options)
    return started


def _without_pid_file(options: Sequence[str]) -> tuple[list[str], str]:
    """pasta writes one such file, and that is ours: the user's is written afterwards."""
    left, path = [], ""
    rest = iter(options)
    for option in rest:
        name, equals, value = option.partition("=")
        if name in ("-P", "--pid"):
            path = value if equals else next(rest, "")
        else:
            left.append(option)
    return left, path


def _copy(pid_file: str, also: str) -> None:
    try:
        with open(pid_file, encoding="ascii") as source, open(also, "w", encoding="ascii") as target:
            target.write(source.read())
    except OSError as error:
        stop(pid_file)
        raise Unavailable(
            f"pasta failed with exit code 1: PID file {also}: {(error.strerror or '').lower()}"
        ) from error


def _as_root() -> list[str]:
    """Started by root pasta becomes nobody and then cannot reach a namespace in root's folders."""
    return ["--runas", "0:0"] if os.geteuid() == 0 else []


def arguments(ports: Sequence[PortMapping], options: Sequence[str], *, map_host: bool = False) -> list[str]:
    """pasta's options but for the namespace. The user's come first and are not contradicted. ``map_host``: lead to the
    host at `reach.HOST_IP`."""
    for option in options:
        if option.partition("=")[0] in _OWN_OPTIONS or not option or "\0" in option:
            raise Invalid(f"pasta option {option!r} cannot be given")
    argv = ["--config-net", *options]
    given = {option.partition("=")[0] for option in options}
    specs: dict[str, list[str]] = {protocol: [] for protocol in _PROTOCOLS}
    for port in ports if map_host else _both_families(ports):
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
    if map_host and reach.MAP_HOST not in given:
        argv += [reach.MAP_HOST, reach.HOST_IP]
    if not given & {"--no-map-gw", "--map-gw"}:
        argv.append("--no-map-gw")
    if "--map-gw" in given:
        argv.remove("--map-gw")
    if not given & {"--quiet", "-q", "--debug", "-d", "--trace"}:
        argv.append("--quiet")
    return argv


def _both_families(ports: Sequence[PortMapping]) -> list[PortMapping]:
    """A port of 0.0.0.0 and of :: as one of all addresses: an older pasta takes a number only once."""
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


def living(pid_file: str) -> list[int]:
    """The pid of the program whose pid file there is (pasta, or a forwarder), if it lives."""
    pid, pidfd = _found(pid_file)
    if pidfd < 0:
        return []
    os.close(pidfd)
    return [pid]


def _found(pid_file: str) -> tuple[int, int]:
    """(pid, pidfd) of the living program that a pid file names; the pidfd is -1 without. Of one without a number its
    maker was killed."""
    try:
        with open(pid_file, encoding="ascii") as file:
            text = file.read().strip()
        for pid in [int(text)] if text.isdigit() else map(int, filter(str.isdigit, os.listdir("/proc"))):
            if (pidfd := _has_argument(pid, pid_file)) >= 0:
                return pid, pidfd
    except OSError:
        pass  # there is none
    return 0, -1


def _has_argument(pid: int, pid_file: str) -> int:
    """A pidfd of the process, if this is among its arguments; else -1."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return -1
    try:
        # pasta's /proc/PID/exe is closed to us (it has locked itself in), its command line is not: it names this file.
        with open(f"/proc/{pid}/cmdline", "rb") as arguments:
            if os.fsencode(pid_file) in arguments.read().split(b"\0"):
                return pidfd
    except OSError:
        pass  # it ended meanwhile
    os.close(pidfd)
    return -1


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
