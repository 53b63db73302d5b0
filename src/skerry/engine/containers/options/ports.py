"""``-p``, ``-P`` and ``--expose``, and the image's EXPOSE."""

from __future__ import annotations

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.engine import Engine
    from skerry.network.types import PortMapping


def published(engine: Engine, options: ContainerRequest, image: dict[str, Any], mode: str) -> list[PortMapping]:
    """``-p``, and with ``-P`` every exposed port on a random host port."""
    from skerry.network.ports import chosen, parse_publish

    if not options.get("publish") and not options.get("publish_all"):
        return []
    if mode.partition(":")[0] in ("host", "none", "container", "ns"):
        kind = mode.partition(":")[0]
        engine.warn(f'Port mappings have been discarded because "{kind}" network namespace mode does not support them')
        return []
    result: list[PortMapping] = []
    for item in options.get("publish", ()):
        result += _on_default_hosts(engine, parse_publish(item))
    if options.get("publish_all"):
        taken = {(port["protocol"], port["container_port"] + n) for port in result for n in range(port["range"])}
        for item in exposed(options, image):
            number, _, protocol = item.partition("/")
            if (protocol, int(number)) not in taken:
                result += _on_default_hosts(engine, parse_publish(f"{number}/{protocol}"))
    # What containers.conf adds for all is not worth a word each time.
    asked = (port for item in options.get("publish", ()) for port in parse_publish(item))
    if mode == "bridge" and not engine.settings.rootless and any(port["host_ip"] == "::1" for port in asked):
        engine.warn("Ports published on [::1] cannot be reached: the kernel lets no bridge answer that address")
    _refuse_twice(result)
    once = [port for number, port in enumerate(result) if port not in result[:number] or not port["host_port"]]
    return chosen(sorted(once, key=lambda port: (port["protocol"], port["host_ip"], port["host_port"])))


def _refuse_twice(ports: list[PortMapping]) -> None:
    """`Invalid` for a port of the host that leads to two ports of the container."""
    leads_to: dict[tuple[str, str, int], int] = {}
    for port in ports:
        for offset in range(port["range"] if port["host_port"] else 0):
            number = port["host_port"] + offset
            inside = leads_to.setdefault((port["protocol"], port["host_ip"], number), port["container_port"] + offset)
            if inside != port["container_port"] + offset:
                raise Invalid(f"conflicting port mappings for host port {number} (protocol {port['protocol']})")


def _on_default_hosts(engine: Engine, ports: list[PortMapping]) -> list[PortMapping]:
    """containers.conf's default_host_ips, for what names no address of the host."""
    addresses: list[str] = engine.settings.conf["network"]["default_host_ips"]
    if not addresses:
        return ports
    return [
        port if port["host_ip"] else {**port, "host_ip": address}
        for port in ports
        for address in ([""] if port["host_ip"] else addresses)
    ]


def exposed(options: ContainerRequest, image: dict[str, Any]) -> list[str]:
    """Declared ports as ``80/tcp``."""
    result: dict[str, None] = {}
    for item in (*(image.get("ExposedPorts") or ()), *options.get("expose", ())):
        numbers, _, protocol = item.partition("/")
        first, _, last = numbers.partition("-")
        if not first.isdigit() or not (last or first).isdigit() or not 0 < int(first) <= int(last or first) < 65536:
            bad = first if not first.isdigit() else last
            raise Invalid(
                f'invalid range format for --expose: {item}: strconv.ParseUint: parsing "{bad}": invalid syntax'
            )
        for number in range(int(first), int(last or first) + 1):
            result[f"{number}/{protocol or 'tcp'}"] = None
    return list(result)
