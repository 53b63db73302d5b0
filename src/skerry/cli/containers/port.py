"""``skerry port``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [PORT[/PROTOCOL]]"
DESCRIPTION = (
    "Lists where the ports of a running container are published on this host; with PORT only where that one is "
    "(PROTOCOL: tcp unless given). A container that does not run has no ports."
)
EXAMPLES = (
    ("skerry port web", "all: 80/tcp -> 0.0.0.0:8080"),
    ("skerry port web 80", "just the host's side: 0.0.0.0:8080"),
    ("skerry port -a", "of all running containers"),
)
FLAGS = (
    flag("-a", "--all", help="Of all running containers"),
    flag("-l", "--latest", help="Of the container that was created last"),
)
COMPLETE = ("running-containers", "none")
MIN_ARGS = 0


def run(args: Args, engine: Engine, out: Output) -> int:
    names, port = _arguments(args, engine)
    wanted, protocol = _parse(port)
    found = False
    for name in names:
        record, _state = engine.containers.find(name)
        prefix = record["id"][:12] + "\t" if args["all"] else ""
        for inside, kind, host_ip, host_port in engine.containers.ports(record["id"]):
            if not port:
                out.line(f"{prefix}{inside}/{kind} -> {host_ip}:{host_port}")
            elif (inside, kind) == (wanted, protocol):
                out.line(f"{host_ip}:{host_port}")
                found = True
    if port and not found:
        raise NotFound(f'failed to find published port "{port}"')
    return 0


def _arguments(args: Args, engine: Engine) -> tuple[list[str], str]:
    """The containers that are meant, and the port, or an empty text."""
    rest = list(args.positional)
    if args["all"]:
        if args["latest"]:
            raise UsageError("--all and --latest cannot be used together")
        if rest:
            raise UsageError("no arguments are needed with --all")
        return engine.containers.ids(running=True), ""
    if args["latest"]:
        names = [engine.containers.latest()]
    elif rest:
        names = [rest.pop(0)]
    else:
        raise UsageError("you must supply a running container name or id")
    if len(rest) > 1:
        raise UsageError("`port` accepts at most 2 arguments")
    return names, rest[0] if rest else ""


def _parse(port: str) -> tuple[int, str]:
    number, _, protocol = port.partition("/")
    if not port:
        return 0, ""
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f'strconv.ParseUint: parsing "{number}": invalid syntax')
    if int(number) > 65535:
        raise UsageError(f'strconv.ParseUint: parsing "{number}": value out of range')
    return int(number), protocol or "tcp"
