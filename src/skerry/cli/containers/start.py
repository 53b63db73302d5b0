"""``skerry start``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import UsageError, flag
from skerry.engine.containers.run import Streams, start_existing_attached
from skerry.engine.warm import warm_up
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Starts containers that were created or have stopped. With -a the output of one container is shown and its exit "
    "code is this command's; with -i its standard input is connected too."
)
EXAMPLES = (
    ("skerry start web", "start the container web in the background"),
    ("skerry start -ai shell", "start a container and use its terminal"),
)
FLAGS = (
    flag("-a", "--attach", help="Attach to the container's output"),
    flag("-i", "--interactive", help="Attach to its standard input"),
    flag("--all", help="Start all containers"),
    flag("--detach-keys", kind="str", metavar="KEYS", default="ctrl-p,ctrl-q", help="Keys that detach; empty: none"),
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Start the containers that match"),
    LATEST,
    flag("--sig-proxy", default=True, help="With -a: pass received signals on to the program"),
)
COMPLETE = "containers"


def _names(args: Args, engine: Engine) -> list[str]:
    """--all means all that do not run; --filter chooses among the names given, or among all."""
    if args["latest"] and (args["all"] or args.positional):
        other = "--all and --latest" if args["all"] else "--latest and containers"
        raise UsageError(f"{other} cannot be used together")
    if args["all"] and args.positional:
        raise UsageError("either start all containers or the container(s) provided in the arguments")
    if not (args["all"] or args["filter"] or args["latest"] or args.positional):
        raise UsageError("start requires at least one argument")
    if args["attach"] and args["all"]:
        raise UsageError("you cannot start and attach all containers at once")
    if args["sig_proxy"] and args.given("sig_proxy") and not args["attach"]:
        raise UsageError("you cannot use sig-proxy without --attach: invalid argument")
    if not args["all"] and not args["filter"]:
        return chosen(args, engine)
    stopped = [
        row["Id"] for row in engine.containers.list(all=True, filters=args["filter"])
        if row["State"] not in ("running", "paused", "stopping")
    ]  # fmt: skip
    if not args.positional:
        return stopped
    return [name for name in args.positional if engine.containers.find(name)[0]["id"] in stopped]


def run(args: Args, engine: Engine, out: Output) -> int:
    warm_up()
    names = _names(args, engine)
    if not args["attach"]:
        return min(each(names, engine.containers.start, out), 125)  # nobody waits for the program: its codes are none
    if len(names) > 1:
        raise Invalid("you cannot start and attach multiple containers at once")
    record, state = engine.containers.find(names[0])
    streams = Streams(
        0 if args["interactive"] and record["config"]["stdin_open"] else None,
        detach_keys=args["detach_keys"] if args.given("detach_keys") else None, sig_proxy=args["sig_proxy"],
    )  # fmt: skip
    if state["status"] == "running":
        from skerry.engine.containers.run import attach

        return attach(engine, record["id"], streams)
    return start_existing_attached(engine, record, streams)
