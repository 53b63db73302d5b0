"""``skerry rename``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "CONTAINER NAME"
DESCRIPTION = "Gives a container another name. It may be running; its host name stays."
EXAMPLES = (("skerry rename web web-old", "make room for a new container named web"),)
FLAGS = ()
COMPLETE = "containers"
MIN_ARGS, MAX_ARGS = 2, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.containers.rename(args.positional[0], args.positional[1])
    return 0
