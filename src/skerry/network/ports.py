"""``-p``: what Podman's users write, and which host ports are free."""

from __future__ import annotations

import _socket
import errno

from skerry.errors import Conflict, Denied, Invalid, OutOfSpace, SkerryError
from skerry.network.addresses import is_address

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from skerry.network.reserve import Reserved
    from skerry.network.types import PortMapping

    # protocol, address ("" all of both families, 0.0.0.0 or :: all of one), first and last port
    Claim = tuple[str, str, int, int]

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
ANY = ("", "0.0.0.0", "::")


def parse_publish(spec: str) -> list[PortMapping]:
    """``[[IP:][HOST]:]CONTAINER[/PROTOCOL]``, each port a number or a range. `Invalid`, in Podman's words."""
    body, *protocols = spec.split("/")
    if len(protocols) > 1:
        raise Invalid("invalid port format - protocol can only be specified once")
    address, rest = _bracketed(body)
    parts = rest.split(":")
    if len(parts) > 3:
        raise Invalid("invalid port format - format is [[hostIP:]hostPort:]containerPort")
    if address is not None and len(parts) != 2:
        if len(parts) == 1:
            raise Invalid("invalid port format - must provide host and destination port if specifying an IP")
        raise Invalid("invalid port format - when v6 address specified, must be [ipv6]:hostPort:ctrPort")
    if len(parts) == 3:
        address = parts[0]
        if not address:
            raise Invalid("must provide a non-empty container host IP to publish")
    if address is not None and not is_address(address):
        raise Invalid(f'cannot parse "{address}" as an IP address')
    host = parts[-2] if len(parts) > 1 else ""
    return _mappings(address or "", host, parts[-1], protocols)


def _bracketed(body: str) -> tuple[str | None, str]:
    """An IPv6 address in brackets, and what follows."""
    parts = body.split("]")
    if len(parts) == 1:
        return None, body
    if len(parts) > 2:
        raise Invalid("invalid port format - at most one IPv6 address can be specified in a --publish")
    if not parts[0].startswith("["):
        raise Invalid("invalid port format - IPv6 addresses must be enclosed by []")
    if not parts[1].startswith(":"):
        raise Invalid("invalid port format - IPv6 address must be followed by a colon (':')")
    return parts[0][1:], parts[1][1:]


def _mappings(address: str, host: str, container: str, protocols: list[str]) -> list[PortMapping]:
    if not container:
        raise Invalid("must provide a non-empty container port to publish")
    start, length = _range(container, "container")
    host_start = 0
    if host and host != "0":
        host_start, host_length = _range(host, "host")
        if host_length != length:
            raise Invalid(f"host and container port ranges have different lengths: {host_length} vs {length}")
    names = protocols[0].lower().split(",") if protocols else ["tcp"]
    if "" in names:
        raise Invalid("must provide a non-empty protocol to publish")
    for name in names:
        if name not in PROTOCOLS:
            raise Invalid(f'unrecognized protocol "{name}" in port mapping')
    return [
        {"host_ip": address, "container_port": start, "host_port": host_start, "range": length, "protocol": name}
        for name in dict.fromkeys(names)
    ]


def _range(text: str, side: str) -> tuple[int, int]:
    parts = text.split("-")
    if len(parts) > 2:
        raise Invalid(f"parsing {side} port: port ranges are formatted as startPort-stopPort")
    start = _port(parts[0], side)
    if len(parts) == 1:
        return start, 1
    end = _port(parts[1], side)
    if end <= start:
        raise Invalid(
            f"parsing {side} port: the end port of a range must be higher than the start port - "
            f"{end} is not higher than {start}"
        )
    return start, end - start + 1


def _port(text: str, side: str) -> int:
    if not text:
        raise Invalid(f"parsing {side} port: empty port numbers are not allowed")
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Invalid(f'parsing {side} port: invalid port number: strconv.Atoi: parsing "{text}": invalid syntax')
    number = int(text)
    if not 1 <= number <= 65535:
        raise Invalid(f"parsing {side} port: port numbers must be between 1 and 65535 (inclusive), got {number}")
    return number


def claim(port: PortMapping) -> Claim:
    """What of the host a mapping occupies."""
    return port["protocol"], port["host_ip"], port["host_port"], port["host_port"] + port["range"] - 1


def overlap(one: Claim, other: Claim) -> bool:
    """Whether two claims have a port in common."""
    return (
        one[0] == other[0] and one[2] <= other[3] and other[2] <= one[3]
        and (one[1] == other[1] or _has(one[1], other[1]) or _has(other[1], one[1]))
    )  # fmt: skip


def _has(wide: str, address: str) -> bool:
    """Whether all addresses that ``wide`` stands for include this one."""
    return not wide or (bool(address) and wide == ("::" if ":" in address else "0.0.0.0"))


def assign(
    ports: list[PortMapping], taken: Collection[Claim], reserved: Reserved | None = None
) -> list[PortMapping]:  # fmt: skip
    """The mappings with every host port chosen and found free; ``reserved`` keeps them so.

    ``taken`` is what other containers hold. `Conflict` in Podman's words when a port is not to be had."""
    result: list[PortMapping] = []
    mine: list[Claim] = []
    for port in ports:
        if not port["host_port"]:
            port = _choose(port, [*taken, *mine])
        new = claim(port)
        if any(overlap(new, old) for old in (*taken, *mine)):
            raise _in_use(port, port["host_port"])
        check_free(port, reserved)
        mine.append(new)
        result.append(port)
    return result


def chosen(ports: list[PortMapping]) -> list[PortMapping]:
    """The mappings with a host port, free at this moment, for each that names none."""
    mine = [claim(port) for port in ports if port["host_port"]]
    result = []
    for port in ports:
        if not port["host_port"]:
            port = _choose(port, mine)
            mine.append(claim(port))
        result.append(port)
    return result


def _choose(port: PortMapping, taken: list[Claim]) -> PortMapping:
    length = port["range"]
    tried: PortMapping = {**port, "protocol": "tcp"} if port["protocol"] == "sctp" else port
    bind = _bind if port["host_ip"] else _bind_all
    for _ in range(100):
        probe = bind(tried, 0)
        first = int(probe.getsockname()[1])
        probe.close()
        candidate: PortMapping = {**port, "host_port": first}
        if first + length - 1 > 65535 or any(overlap(claim(candidate), old) for old in taken):
            continue
        try:
            for number in range(first + 1, first + length):
                bind(tried, number).close()
        except OSError:
            continue
        return candidate
    raise OutOfSpace(f"cannot find {length} free host port(s)")


def check_free(port: PortMapping, reserved: Reserved | None = None) -> None:
    """`Conflict`, in Podman's words, when somebody listens on a mapping's host port(s); ``reserved`` keeps them from
    others then."""
    if port["protocol"] == "sctp":
        return  # the kernel that publishes it need not have it itself
    if reserved is not None and port["range"] > reserved.LONGEST:
        reserved = None
    for number in range(port["host_port"], port["host_port"] + port["range"]):
        try:
            if reserved is None:
                _bind(port, number).close()
            else:
                reserved.add(_hold(port, number))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise _in_use(port, number) from None
            kind = Denied if error.errno == errno.EACCES else Invalid
            words = {errno.EADDRNOTAVAIL: "cannot assign requested address", errno.EACCES: "permission denied"}
            text = words.get(error.errno or 0, error.strerror)
            hint = (
                f"sysctl net.ipv4.ip_unprivileged_port_start={number}, or a port from 1024 on" if kind is Denied else ""
            )
            raise kind(f"{_listen(port, number)}: bind: {text}", hint=hint) from None


def hold(ports: list[PortMapping], reserved: Reserved) -> None:
    """Reserve what can be reserved of a running container's ports."""
    for port in ports:
        try:
            check_free(port, reserved)
        except SkerryError:
            continue  # somebody was faster: the rules lead to the container nevertheless
    reserved.flush()


def _hold(port: PortMapping, number: int) -> _socket.socket:
    """A socket that no other one can be bound beside. (SO_REUSEADDR would let those in that have it, too.)"""
    bind = _bind if port["host_ip"] else _bind_all
    try:
        return bind(port, number, reuse=False)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or port["protocol"] == "udp":
            raise
    # Connections of whoever had the port before may linger for a minute: they are no reason.
    made = bind(port, number)
    made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 0)
    return made


def _bind(port: PortMapping, number: int, *, reuse: bool = True) -> _socket.socket:
    """A socket bound to the host port, as the kernel allows it to whoever would listen there."""
    family = _socket.AF_INET6 if ":" in port["host_ip"] else _socket.AF_INET
    kind = _socket.SOCK_DGRAM if port["protocol"] == "udp" else _socket.SOCK_STREAM
    probe = _socket.socket(family, kind | _socket.SOCK_CLOEXEC, PROTOCOLS[port["protocol"]])
    try:
        if kind == _socket.SOCK_STREAM and reuse:
            probe.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if family == _socket.AF_INET6:
            probe.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 1)
        probe.bind((port["host_ip"] or "0.0.0.0", number))
    except BaseException:
        probe.close()
        raise
    return probe


def _bind_all(port: PortMapping, number: int, *, reuse: bool = True) -> _socket.socket:
    """One for all addresses of both families."""
    kind = _socket.SOCK_DGRAM if port["protocol"] == "udp" else _socket.SOCK_STREAM
    try:
        made = _socket.socket(_socket.AF_INET6, kind | _socket.SOCK_CLOEXEC, PROTOCOLS[port["protocol"]])
    except OSError:
        return _bind(port, number, reuse=reuse)  # a kernel without IPv6
    try:
        if kind == _socket.SOCK_STREAM and reuse:
            made.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        made.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, 0)
        made.bind(("::", number))
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRNOTAVAIL:
            return _bind(port, number, reuse=reuse)  # IPv6 is switched off
        raise
    return made


def _listen(port: PortMapping, number: int) -> str:
    kind, address = port["protocol"], port["host_ip"]
    six = ":" in address
    where = "" if address in ANY else f"[{address}]" if six else address
    return f"cannot listen on the {kind.upper()} port: listen {kind}{6 if six else 4} {where}:{number}"


def _in_use(port: PortMapping, number: int) -> Conflict:
    return Conflict(f"{_listen(port, number)}: bind: address already in use")


def listen(port: PortMapping, offset: int) -> _socket.socket:
    """The listening socket of one of a mapping's host ports; its owner passes it on. One for all addresses takes IPv6's,
    too."""
    number = port["host_port"] + offset
    try:
        made = _bind(port, number) if port["host_ip"] else _bind_all(port, number)
        if port["protocol"] == "tcp":
            made.listen(1024)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _in_use(port, number) from None
        raise Invalid(f"{_listen(port, number)}: {error.strerror}") from None
    return made
