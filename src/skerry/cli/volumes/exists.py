"""``skerry volume exists``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "VOLUME"
DESCRIPTION = "Says by its exit code whether a volume exists: 0 yes, 1 no."
EXAMPLES = (("skerry volume exists data && echo yes", "ask in a script"),)
FLAGS = ()
COMPLETE = "volumes"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0 if engine.volumes.exists(args.positional[0]) else 1
