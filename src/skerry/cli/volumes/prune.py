"""``skerry volume prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = "Removes the volumes that no container uses, after asking; with --filter only those that match."
EXAMPLES = (("skerry volume prune -f", "remove unused volumes without asking"),)
FLAGS = (
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only those that match (label=, label!=, name=)"),
    flag("-f", "--force", help="Do not ask"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    if not args["force"]:
        names = [row["Name"] for row in engine.volumes.list(filters=["dangling=true", *args["filter"]])]
        if not names:
            out.line("No dangling volumes found")
            return 0
        warning = "WARNING! This will remove all volumes not used by at least one container. The following volumes will be removed:"
        if not confirmed(out, "\n".join([warning, *names])):
            return 0
    for name, _size in engine.volumes.prune(filters=args["filter"]):
        out.line(name)
    return 0
