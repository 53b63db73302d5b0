"""``skerry network rm``."""

from __future__ import annotations

from skerry.cli.containers.selection import each
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NETWORK [NETWORK...]"
DESCRIPTION = "Removes networks. Exit code 1: there is no such network; 2: a container uses it."
EXAMPLES = (("skerry network rm app", "remove a network"),)
FLAGS = (
    flag("-f", "--force", help="Remove the containers that use it, too; no error when it does not exist"),
    flag("-i", "--ignore", help="No error when it does not exist"),
    flag("-t", "--time", kind="int", metavar="SECONDS", default=10, help="With --force: how long these have to stop"),
)
MIN_ARGS, MAX_ARGS = 1, None
COMPLETE = "networks"


def run(args: Args, engine: Engine, out: Output) -> int:
    force, timeout_s = args["force"], args["time"] if args.given("time") else None
    if timeout_s is not None and not force:
        raise UsageError("--force option must be specified to use the --time option")
    return each(
        args.positional, lambda name: engine.networks.remove(name, force=force, timeout_s=timeout_s), out,
        ignore_missing=force or args["ignore"],
    )  # fmt: skip
