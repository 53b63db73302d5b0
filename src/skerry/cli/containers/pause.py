"""``skerry pause``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = "Freezes all processes of running containers; 'skerry unpause' lets them go on."
EXAMPLES = (("skerry pause web", "pause the container web"),)
FLAGS = (
    flag("-a", "--all", help="Pause all running containers"),
    CIDFILE,
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Pause the containers that match"),
    LATEST,
)
COMPLETE = "running-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    names = chosen(args, engine, all_running=True)
    if args["all"]:
        names = [name for name in names if engine.containers.find(name)[1]["status"] == "running"]
    return each(names, engine.containers.pause, out)
