"""Names of containers: configuration files for aardvark-dns, and that one process itself.

One file per network with DNS: its first line has the gateways to listen on (and servers to forward to), each other
line a container: ``ID IPv4s IPv6s NAMES SERVERS``. aardvark-dns reads them again at SIGHUP and ends when there are none.
"""

from __future__ import annotations

import os
import time

from skerry.errors import Unavailable
from skerry.linux import spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.network.context import NetworkContext
    from skerry.network.leases import Leases
    from skerry.network.types import Lease, Network

_PID = "aardvark.pid"
_PORT = "53"


def update(context: NetworkContext, leases: Leases) -> None:
    """Make aardvark-dns answer for exactly the leases that there are. The leases are locked by the caller."""
    place = folder(leases)
    os.makedirs(place, mode=0o700, exist_ok=True)
    wanted = _files(leases)
    changed = False
    for name in os.listdir(place):
        if name != _PID and name not in wanted:
            os.unlink(f"{place}/{name}")
            changed = True
    for name, text in wanted.items():
        changed |= _write_if_new(f"{place}/{name}", text)
    pid = running(place)
    if not wanted:
        if pid:
            _tell(pid, 15)
        _forget(place)
    elif not pid or (changed and not _tell(pid, 1)):
        _start(context, place)


def folder(leases: Leases) -> str:
    """Where the configuration lies."""
    return leases.folder + "/dns"


def _files(leases: Leases) -> dict[str, str]:
    lines: dict[str, list[str]] = {}
    networks: dict[str, Network] = {}
    found = [(container, leases.get(container)) for container in sorted(leases.containers())]
    healthy = _names_of_healthy([lease for _, lease in found if lease])
    for container, lease in found:
        for item, names in zip(lease["interfaces"], lease["names"], strict=True) if lease else ():
            network = networks.get(item["bridge"]) or leases.bridge(item["bridge"])
            if not item["dns"] or network is None:
                continue
            networks[item["bridge"]] = network
            if lease and lease.get("hidden"):
                # Its own names stay, and those that nobody healthy has: a name never becomes empty.
                names = [name for name in names if (item["bridge"], name) not in healthy]
            ips = [ip.partition("/")[0] for ip in item["ips"]]
            four, six = (",".join(ip for ip in ips if (":" in ip) == v6) for v6 in (False, True))
            servers = ",".join(lease.get("servers") or ()) if lease else ""
            line = f"{container} {four} {six} {','.join(names)}" + (f" {servers}" if servers else "")
            lines.setdefault(item["bridge"], []).append(line)
    return {
        f"{bridge}%int" if networks[bridge].get("internal") else bridge:
        "\n".join([_head(networks[bridge]), *some]) + "\n"
        for bridge, some in lines.items()
    }  # fmt: skip


def _names_of_healthy(leases: list[Lease]) -> set[tuple[str, str]]:
    """(bridge, name) that at least one healthy container answers to; without any unhealthy one nobody asks."""
    if not any(lease.get("hidden") for lease in leases):
        return set()
    return {
        (item["bridge"], name)
        for lease in leases
        if not lease.get("hidden")
        for item, names in zip(lease["interfaces"], lease["names"], strict=True)
        for name in names
    }


def _head(network: Network) -> str:
    own = [subnet["gateway"] for subnet in network.get("subnets") or () if subnet.get("gateway")]
    gateways = ",".join(network.get("dns_addresses") or own)
    servers = ",".join(network.get("network_dns_servers") or ())
    return f"{gateways} {servers}" if servers else gateways


def _write_if_new(path: str, text: str) -> bool:
    try:
        with open(path, encoding="utf-8") as file:
            if file.read() == text:
                return False
    except FileNotFoundError:
        pass
    # Not a temporary name beside it: aardvark-dns would take that for a network.
    temporary = f"{os.path.dirname(os.path.dirname(path))}/dns.new"
    with open(temporary, "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(temporary, path)
    return True


def _tell(pid: int, number: int) -> bool:
    """Send a signal; False when it has died."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def running(folder: str) -> int:
    """The pid of the aardvark-dns that serves this folder; 0 without."""
    try:
        with open(f"{folder}/{_PID}", encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return pid if os.fsencode(folder) in file.read().split(b"\0") else 0
    except (OSError, ValueError):
        return 0


def _start(context: NetworkContext, folder: str) -> None:
    program = context.helper("aardvark-dns")
    if not program:
        raise Unavailable(
            "aardvark-dns is not installed, containers of this network could not be found by name",
            hint="apt-get install aardvark-dns, or create the network with --disable-dns",
        )
    _forget(folder)
    argv = [program, "--config", folder, "-p", _PORT, "run"]
    if context.outer is not None:
        argv = _with_pastas_resolver(folder, argv)
    done = spawn.run(argv, timeout_s=60)
    if done.code:
        raise Unavailable(f"aardvark-dns failed: {done.stderr.decode(errors='replace').strip().rpartition(chr(10))[2]}")
    deadline = time.monotonic() + 2
    while not running(folder) and time.monotonic() < deadline:
        time.sleep(0.005)


def _with_pastas_resolver(folder: str, argv: list[str]) -> list[str]:
    """In a user's network namespace the host's own name servers may be out of reach: pasta answers for them."""
    from skerry.network import etc_files, pasta

    path = os.path.dirname(folder) + "/resolv.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(etc_files.resolv_conf(forwarder=pasta.DNS_FORWARD))
    script = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, path, *argv]


def _forget(folder: str) -> None:
    try:
        os.unlink(f"{folder}/{_PID}")
    except FileNotFoundError:
        pass
