"""``skerry container prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes the containers that do not run, with what they wrote, after asking; prints their ids. Containers that "
    "run, are paused, or that others depend on stay."
)
EXAMPLES = (
    ("skerry container prune -f", "remove all stopped containers without asking"),
    ("skerry container prune --filter until=24h", "those that are older than a day"),
    ("skerry container prune --filter label!=keep", "those without the label keep"),
)
FLAGS = (
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only those that match (until=, label=, label!=)"),
    flag("-f", "--force", help="Do not ask"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    if not args["force"] and not confirmed(out, "WARNING! This will remove all non running containers."):
        return 0
    for container_id, _size in engine.containers.prune(filters=args["filter"]):
        out.line(container_id)
    return 0
