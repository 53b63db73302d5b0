"""``skerry stop``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, IGNORE, LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Stops running containers: sends each its stop signal (TERM unless the image or --stop-signal says otherwise), waits, "
    "and sends KILL to what still runs. One that does not run is no error."
)
EXAMPLES = (
    ("skerry stop web", "stop the container web"),
    ("skerry stop -t 2 web db", "wait two seconds before killing"),
    ("skerry stop -a", "stop all containers"),
)
FLAGS = (
    flag("-a", "--all", help="Stop all running containers"),
    CIDFILE,
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Stop the containers that match"),
    IGNORE,
    LATEST,
    flag("--service", hidden=True,
         help="Do not count as stopped by the user: what restarts unless it is stopped starts with the machine again"),
    flag("-t", "--time", "--timeout", kind="int", metavar="SECONDS", default=10,
         help="How long to wait before KILL; 0: at once, -1: for ever"),
)  # fmt: skip
COMPLETE = "running-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    timeout_s = args["time"] if args.given("time") else None
    names = chosen(args, engine, all_running=True)
    engine.containers.ask_all_to_stop(names, timeout_s=timeout_s, service=args["service"])
    return each(
        names,
        lambda name: engine.containers.stop(name, timeout_s=timeout_s, service=args["service"]),
        out,
        ignore_missing=args["ignore"],
    )
