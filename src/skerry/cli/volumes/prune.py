"""``skerry volume prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes, after asking, the volumes that no container uses and that nobody named; with --all also those that have a "
    "name. Their data is lost. With --force and filters, all that match, with a name or without: after=VOLUME, anonymous=, "
    "label=, label!=, until= (not with all=false)."
)
EXAMPLES = (
    ("skerry volume prune -f", "remove unused volumes without a name, without asking"),
    ("skerry volume prune --all --dry-run", "which of all volumes are unused"),
    ("skerry volume prune --all --filter label=project=web", "remove unused volumes with that label, also with a name"),
)
FLAGS = (
    flag("-a", "--all", help="Also volumes that have a name"),
    flag("--dry-run", help="Only print which would be removed"),
    flag(
        "--filter",
        kind="list",
        metavar="KEY=VALUE",
        help="Only those that match (label=, label!=, until=, after=, anonymous=)",
    ),
    flag("-f", "--force", help="Do not ask"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def _asks_for_all(filters: list[str]) -> bool:
    return any(item.lower() in ("all=true", "all=1", "all=y", "all=yes") for item in filters)


def run(args: Args, engine: Engine, out: Output) -> int:
    filters, everything = args["filter"], args["all"]
    if args["force"] and args["dry_run"]:
        raise UsageError("--force and --dry-run cannot be used together")
    if everything and any(item.lower() == "all=true" for item in filters):
        raise UsageError("--all and --filter all cannot be used together")
    if args["dry_run"]:
        names = engine.volumes.unused(filters=filters, all=everything)
        for line in ("Volumes that would be pruned:", *names):
            out.line(line)
        return 0
    if not args["force"]:
        named = everything or _asks_for_all(filters)
        if not named and not any(item.startswith("anonymous=") for item in filters):
            filters = [*filters, "anonymous=true"]  # what is asked about, and nothing else
        names = engine.volumes.unused(filters=filters, all=everything)
        which = "all volumes" if named else "anonymous local volumes"
        warning = f"WARNING! This will remove {which} not used by at least one container. The following volumes will be removed:"
        if not names:
            out.line(warning)
            out.line(f"No dangling {'' if named else 'anonymous '}volumes found")
            return 0
        if not confirmed(out, "\n".join([warning, *names])):
            return 0
    for name, _size in engine.volumes.prune(filters=filters, all=everything):
        out.line(name)
    return 0
