"""``skerry system reset``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes, after asking, every container (running ones are killed), image, volume and network of this store, and "
    "its folders. It also works on a store that is damaged. Only what Skerry made is removed; other stores (--root) "
    "are not touched. What could not be removed is told, and the exit code is 125 then."
)
EXAMPLES = (
    ("skerry system reset", "start over, after asking"),
    ("skerry --root /tmp/a --runroot /tmp/b system reset -f", "remove an experiment's store without asking"),
)
FLAGS = (flag("-f", "--force", help="Do not ask"),)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    settings = engine.settings
    warning = "\n        - ".join((
        "WARNING! This will remove:", "all containers", "all images", "all networks", "all volumes",
        f'the graphRoot directory: "{settings.root}"', f'the runRoot directory: "{settings.runroot}"',
    ))  # fmt: skip
    if not args["force"] and not confirmed(out, warning):
        return 0
    problems = engine.system.reset()
    for problem in problems:
        out.error(problem)
    return 125 if problems else 0
