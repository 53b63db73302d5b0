"""``skerry healthcheck run``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.engine.warm import warm_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER"
DESCRIPTION = (
    "Runs the health check of a container once, now. The exit code is 0 when it succeeded, 1 when it failed (and what "
    "the check says is printed), 125 when it could not be run or took too long. What is configured for unhealthy "
    "containers is done, too. Checks with an interval run by themselves; this is for all others, and for trying."
)
EXAMPLES = (
    ("skerry healthcheck run web", "check web now"),
    ("skerry healthcheck run --ignore-result web", "the same, with exit code 0 also when the check fails"),
)
FLAGS = (flag("--ignore-result", help="Exit code 0 also when the check fails"),)
COMPLETE = "running-containers"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    warm_up()
    status = engine.containers.check_health(args.positional[0])
    if status == "healthy":
        return 0
    out.line(status)
    return 0 if args["ignore_result"] else 1
