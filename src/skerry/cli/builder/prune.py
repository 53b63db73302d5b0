"""``skerry builder prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag
from skerry.engine.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes what builds keep: steps that no image is made of, and cache mounts, after asking; with --all also what is "
    "known of steps that images are made of, so that the next build does everything again. What was used least "
    "recently goes first, and what a running build uses stays. Without this command, too, the cache keeps within 20 GB "
    "(another bound: the environment variable SKERRY_BUILD_CACHE, such as 5g; 0 for none)."
)
EXAMPLES = (
    ("skerry builder prune", "what no image needs"),
    ("skerry builder prune -af", "everything, without asking"),
    ("skerry builder prune -f --max-used-space 2gb", "the least recently used, until 2 GB are left"),
    ("skerry builder prune -f --filter unused-for=168h --dry-run", "what was not used for a week: only show it"),
)
FLAGS = (
    flag("-a", "--all", help="Also what is known of the steps of images"),
    flag("--dry-run", help="Only show what would go"),
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only what matches (until=, unused-for=, id=, type=, private, description=)"),
    flag("-f", "--force", help="Do not ask"),
    flag("--max-used-space", "--keep-storage", "--reserved-space", kind="str", metavar="SIZE", help="Leave that much"),
)  # fmt: skip
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.config.sizes import parse_size

    keep = parse_size(args["max_used_space"]) if args["max_used_space"] else 0
    which = "all build cache" if args["all"] else "all dangling build cache"
    asks = not args["force"] and not args["dry_run"]
    if asks and not confirmed(out, f"WARNING! This will remove {which}."):
        return 0
    pruned = engine.builds.prune(all=args["all"], filters=args["filter"], keep_bytes=keep, dry_run=args["dry_run"])
    if pruned.ids:
        out.line("Build cache that would go:" if args["dry_run"] else "Deleted build cache objects:")
    for name in pruned.ids:
        out.line(name)
    out.line(f"Total{'' if args['dry_run'] else ' reclaimed space'}:\t{human_size(pruned.freed_bytes, 4)}")
    return 0
