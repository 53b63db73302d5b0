"""``skerry manifest exists``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "LIST"
DESCRIPTION = "Says by its exit code whether a list of manifests exists: 0 yes, 1 no."
EXAMPLES = (("skerry manifest exists web:1.2 || skerry manifest create web:1.2", "make it once"),)
FLAGS = ()
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0 if engine.manifests.exists(args.positional[0]) else 1
