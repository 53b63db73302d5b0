"""``skerry kill``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = "Sends a signal to the first process of running containers: KILL, or the one that --signal names."
EXAMPLES = (("skerry kill -s HUP web", "make a server read its configuration again"),)
FLAGS = (
    flag("-a", "--all", help="Signal all running containers"),
    CIDFILE,
    LATEST,
    flag("-s", "--signal", kind="str", metavar="SIGNAL", default="KILL", help="Name or number of the signal"),
)
COMPLETE = "running-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    names = chosen(args, engine, all_running=True)
    return each(names, lambda name: engine.containers.kill(name, args["signal"]), out)
