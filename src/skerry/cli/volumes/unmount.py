"""``skerry volume unmount``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "VOLUME"
DESCRIPTION = "Takes one volume mount back. A volume that nobody uses any more is unmounted. Prints its name."
EXAMPLES = (("skerry volume unmount data", "no longer look at it"),)
FLAGS = ()
COMPLETE = "volumes"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    out.line(engine.volumes.unmount(args.positional[0]))
    return 0
