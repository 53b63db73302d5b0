"""``skerry init``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import flag
from skerry.errors import Conflict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Does all that a start does but for the program: mounts, network, namespaces, the runtime's configuration. The "
    "container is then 'initialized', can be looked at, and 'skerry start' executes its program."
)
EXAMPLES = (("skerry init web", "prepare web; its mounts and its network are there"),)
FLAGS = (flag("-a", "--all", help="Prepare all containers"), LATEST)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    def init(name: str) -> str:
        try:
            engine.containers.init(name)
        except Conflict:
            if not args["all"]:  # of all, those that run are no failure
                raise
        return name

    return each(chosen(args, engine), init, out)
