"""``skerry volume rm``."""

from __future__ import annotations

from skerry.cli.containers.selection import each
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] VOLUME [VOLUME...]"
DESCRIPTION = "Removes volumes and what is in them. Exit code 1: there is no such volume; 2: a container uses it."
EXAMPLES = (("skerry volume rm data", "remove a volume"),)
FLAGS = (
    flag("-a", "--all", help="All volumes"),
    flag("-f", "--force", help="Remove the containers that use it, too; no error when it does not exist"),
    flag(
        "-t",
        "--time",
        kind="int",
        metavar="SECONDS",
        help="With --force: how long a container may take to stop; -1: any time",
    ),
)
COMPLETE = "volumes"


def run(args: Args, engine: Engine, out: Output) -> int:
    if bool(args["all"]) == bool(args.positional):
        raise UsageError("choose either one or more volumes or all")
    timeout_s = args["time"] if args.given("time") else None
    if timeout_s is not None and not args["force"]:
        raise UsageError("--force option must be specified to use the --time option")
    names = [row["Name"] for row in engine.volumes.list()] if args["all"] else args.positional
    return each(
        names, lambda name: engine.volumes.remove(name, force=args["force"], timeout_s=timeout_s), out, ignore_missing=args["force"],
        show=lambda _name, removed: str(removed),
    )  # fmt: skip
