"""pasta: a container's network without privileges. It copies the host's addresses and ends with the namespace."""

from __future__ import annotations

import os
import select

from skerry.errors import Invalid, Unavailable
from skerry.linux import spawn
from skerry.network.ports import ANY, assign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.network.context import NetworkContext
    from skerry.network.types import PortMapping

# What pasta answers DNS queries on (Podman's choice), when the host's server is not reachable from the container.
DNS_FORWARD = "169.254.1.1"
_STOP_MS = 1000
_OWN_OPTIONS = ("--netns", "--pid", "-P", "--runas", "--fd", "-F", "--config-net")


class Started:
    """``ports`` have their host ports chosen; ``forwarder`` is a DNS server and ``host_ip`` the host, if reachable."""

    __slots__ = ("forwarder", "host_ip", "ports")

    def __init__(self, ports: list[PortMapping]) -> None:
        self.ports, self.forwarder, self.host_ip = ports, DNS_FORWARD, ""


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
    chosen = assign(list(ports), ())
    argv = [
        program,
        *arguments(chosen, options),
        *(["-P", pid_file] if pid_file else []),
        *_as_root(),
        "--netns",
        netns_path,
    ]
    done = spawn.run(argv, timeout_s=30)
    if done.code:
        raise Unavailable(f"pasta failed with exit code {done.code}: {_reason(done.stderr)}")
    started = Started(chosen)
    for number, option in enumerate(options):
        if option.startswith("--dns-forward"):
            started.forwarder = option.partition("=")[2] or "".join(options[number + 1 : number + 2])
    return started


def _as_root() -> list[str]:
    """Started by root pasta becomes nobody and then cannot reach a namespace in root's folders."""
    return ["--runas", "0:0"] if os.geteuid() == 0 else []


def arguments(ports: Sequence[PortMapping], options: Sequence[str]) -> list[str]:
    """pasta's options but for the namespace. The user's come first and are not contradicted."""
    for option in options:
        if option.partition("=")[0] in _OWN_OPTIONS or not option or "\0" in option:
            raise Invalid(f"pasta option {option!r} cannot be given")
    argv = ["--config-net", *options]
    given = {option.partition("=")[0] for option in options}
    specs: dict[str, list[str]] = {"tcp": [], "udp": []}
    for port in ports:
        if port["protocol"] not in specs:
            raise Invalid(f"can't forward protocol {port['protocol']} by pasta")
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
    if not given & {"--no-map-gw", "--map-gw"}:
        argv.append("--no-map-gw")
    if "--map-gw" in given:
        argv.remove("--map-gw")
    if not given & {"--quiet", "-q", "--debug", "-d", "--trace"}:
        argv.append("--quiet")
    return argv


def _forward(port: PortMapping) -> str:
    first, inner, last = port["host_port"], port["container_port"], port["range"] - 1
    host, guest = (f"{first}-{first + last}", f"{inner}-{inner + last}") if last else (str(first), str(inner))
    spec = host if host == guest else f"{host}:{guest}"
    return spec if port["host_ip"] in ANY else f"{port['host_ip']}/{spec}"


def _reason(stderr: bytes) -> str:
    """What went wrong, without the noise that Debian 12's pasta makes where there is no system log."""
    lines = [line.strip() for line in stderr.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line and "to syslog" not in line]
    return "; ".join(lines[-3:]) or "no reason given"


def stop(pid_file: str) -> None:
    """End the pasta whose pid file there is, and wait until its ports are free; without, it ends by itself with the
    namespace, a little later."""
    try:
        with open(pid_file, encoding="ascii") as file:
            pid = int(file.read())
        pidfd = os.pidfd_open(pid)
    except (OSError, ValueError):
        return  # it has gone already
    try:
        # Its /proc/PID/exe is closed to us (pasta has locked itself in), its command line is not: it names this file.
        with open(f"/proc/{pid}/cmdline", "rb") as arguments:
            if os.fsencode(pid_file) not in arguments.read().split(b"\0"):
                return
        os.kill(pid, 15)
        waiting = select.poll()
        waiting.register(pidfd, select.POLLIN)
        waiting.poll(_STOP_MS)
    except OSError:
        pass  # it ended meanwhile
    finally:
        os.close(pidfd)
