"""``skerry system supervise``: what the supervisor and the commands that it starts execute. Not for users."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.engine.health.act import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER]"
DESCRIPTION = (
    "Looks after containers until none needs it; or does one thing for one of them. Started by other commands."
)
EXAMPLES = (("skerry system supervise", "be the supervisor, unless there is one"),)
FLAGS = (flag("--act", kind="str", metavar="WHAT", choices=KINDS, help="Do this for the container, and end"),)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["act"]:
        from skerry.engine.supervisor.act import act

        return act(engine, args.positional[0], args["act"])
    from skerry.engine.supervisor.serve import serve

    serve(engine)
    return 0
