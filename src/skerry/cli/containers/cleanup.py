"""``skerry container cleanup``: what conmon executes when a container ends."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Takes down what stopped containers may still hold: mounts, networks, the runtime's state. Skerry does this by "
    "itself when a container ends; the command is for what a crash left behind. Running containers are left alone."
)
EXAMPLES = (("skerry container cleanup -a", "clean up after all stopped containers"),)
FLAGS = (
    flag("-a", "--all", help="Clean up all containers"),
    LATEST,
    flag("--rm", help="Remove the container afterwards"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    def clean_up(name: str) -> str | None:
        engine.containers.clean_up(name)
        if args["rm"]:
            engine.containers.remove(name)
        return name

    return each(chosen(args, engine), clean_up, out, ignore_missing=True)
