"""``skerry network prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = "Removes the networks that no container has, after asking; with --filter only those that match."
EXAMPLES = (("skerry network prune -f", "remove unused networks without asking"),)
FLAGS = (
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only those that match (label=, label!=, name=)"),
    flag("-f", "--force", help="Do not ask"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    warning = "WARNING! This will remove all networks not used by at least one container."
    if not args["force"] and not confirmed(out, warning):
        return 0
    for name in engine.networks.prune(filters=args["filter"]):
        out.line(name)
    return 0
