"""``skerry container diff``."""

from __future__ import annotations

from skerry.cli.containers.diff import FLAGS as FLAGS
from skerry.cli.containers.diff import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER]"
DESCRIPTION = (
    "Shows what a container changed in its image, or how the first container differs from the second. "
    "A: added, C: changed, D: deleted."
)
EXAMPLES = (("skerry container diff --format json web", "for programs"),)
COMPLETE = "containers"
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    return show(args, engine, out, "container")
