"""``skerry unpause``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = "Lets the processes of paused containers go on."
EXAMPLES = (("skerry unpause web", "unpause the container web"),)
FLAGS = (
    flag("-a", "--all", help="Unpause all paused containers"),
    CIDFILE,
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Unpause the containers that match"),
    LATEST,
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    names = chosen(args, engine, all_running=True)
    if args["all"]:
        names = [name for name in names if engine.containers.find(name)[1]["status"] == "paused"]
    return each(names, engine.containers.unpause, out)
