"""``skerry network exists``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "NETWORK"
DESCRIPTION = "Says by its exit code whether a network exists: 0 yes, 1 no."
EXAMPLES = (("skerry network exists app || skerry network create app", "make it unless it is there"),)
FLAGS = ()
COMPLETE = "networks"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0 if engine.networks.exists(args.positional[0]) else 1
