"""``skerry restart``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, LATEST, chosen, each
from skerry.cli.flags import flag
from skerry.engine.warm import warm_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = "Stops containers, if they run, and starts them again."
EXAMPLES = (("skerry restart web", "restart the container web"),)
FLAGS = (
    flag("-a", "--all", help="Restart all containers"),
    CIDFILE,
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Restart the containers that match"),
    LATEST,
    flag("--running", help="Restart only those that run"),
    flag("-t", "--time", "--timeout", kind="int", metavar="SECONDS", default=10, help="How long to wait before KILL"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    warm_up()
    timeout_s = args["time"] if args.given("time") else None
    names = _running(engine) if args["running"] else chosen(args, engine)
    engine.containers.ask_all_to_stop(names, timeout_s=timeout_s)
    return each(names, lambda name: engine.containers.restart(name, timeout_s=timeout_s), out)


def _running(engine: Engine) -> list[str]:
    return [row["Id"] for row in engine.containers.list()]
