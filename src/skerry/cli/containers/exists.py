"""``skerry container exists``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER"
DESCRIPTION = "Says by its exit code whether a container exists: 0 yes, 1 no, 125 if that cannot be found out."
EXAMPLES = (("skerry container exists web || skerry run -d --name web nginx", "make it once"),)
FLAGS = (flag("--external", help="Also containers of other tools: Skerry's store has none"),)
COMPLETE = "containers"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0 if engine.containers.exists(args.positional[0]) else 1
