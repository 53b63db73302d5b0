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
    found, errors = [], []
    # What a definition leaves out a template may name all the same; JSON leaves it out, too.
    blank: dict[str, object] = (
        {} if "json" in args["format"] or not args["format"]
        else {"subnets": [], "routes": [], "network_dns_servers": [], "labels": {}, "options": {}}
    )  # fmt: skip
    for name in args.positional:
        try:
            found.append({**blank, **engine.networks.inspect(name)})
        except SkerryError as error:
            errors.append(f"network {name}: {error}")
    out.inspect(found, args["format"])
    for text in errors:
        out.error(text)
    return 125 if errors else 0
