"""``skerry network inspect``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NETWORK [NETWORK...]"
DESCRIPTION = "Shows everything about networks as JSON: definition, and the running containers with their addresses."
EXAMPLES = (("skerry network inspect -f '{{range .Subnets}}{{.Subnet}}{{end}}' podman", "its range of addresses"),)
FLAGS = (flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),)
MIN_ARGS, MAX_ARGS = 1, None
COMPLETE = "networks"


def run(args: Args, engine: Engine, out: Output) -> int:
    found, code = [], 0
    blank: dict[str, object] = (
        {"routes": [], "network_dns_servers": [], "labels": {}, "options": {}} if args["format"] else {}
    )
    for name in args.positional:
        try:
            found.append({**blank, **engine.networks.inspect(name)})
        except SkerryError as error:
            code = 125
            out.error(str(error))
    out.inspect(found, args["format"])
    return code
