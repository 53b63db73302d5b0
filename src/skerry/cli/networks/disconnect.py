"""``skerry network disconnect``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NETWORK CONTAINER"
DESCRIPTION = "Takes a container off a network, at once if it runs. Its other networks stay."
EXAMPLES = (("skerry network disconnect backend web", "web is no longer on the network backend"),)
FLAGS = (flag("-f", "--force", help="Also from a network that does not exist any more"),)
MIN_ARGS = MAX_ARGS = 2
COMPLETE = ("networks", "containers")


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.networks.disconnect(args.positional[0], args.positional[1], force=args["force"])
    return 0
