"""``skerry volume reload``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = ""
DESCRIPTION = (
    "Asks all volume plugins of containers.conf which volumes they have: new ones are known from now on, those that are "
    "gone there are forgotten."
)
EXAMPLES = (("skerry volume reload", "after volumes were made in a plugin by other means"),)
FLAGS = ()
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    result = engine.volumes.reload()
    for title, names in (("Added:", result.added), ("Removed:", result.removed)):
        if names:
            out.line(title)
        for name in names:
            out.line(name)
    for problem in result.problems:
        out.error(problem)
    return 125 if result.problems else 0
