"""``skerry rm``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, IGNORE, LATEST, chosen, each
from skerry.cli.flags import UsageError, flag
from skerry.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Removes containers with their files. One that runs is only removed with -f, which stops it first. "
    "Exit code 1: there is no such container; 2: it runs or is paused."
)
EXAMPLES = (
    ("skerry rm web", "remove a stopped container"),
    ("skerry rm -f -t 0 web", "kill and remove a running one"),
    ("skerry rm -fa", "remove all containers"),
)
FLAGS = (
    flag("-a", "--all", help="Remove all containers"),
    CIDFILE,
    flag("--depend", help="Remove the containers that depend on it, too"),
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Remove the containers that match"),
    flag("-f", "--force", help="Stop and remove running containers"),
    IGNORE,
    LATEST,
    flag(
        "-t",
        "--time",
        "--timeout",
        kind="int",
        metavar="SECONDS",
        default=10,
        help="With -f: how long to wait before KILL",
    ),
    flag("-v", "--volumes", help="Remove its anonymous volumes, too"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args.given("time") and not args["force"]:
        raise UsageError("--force option must be specified to use the --time option")
    timeout_s = args["time"] if args.given("time") else None
    try:
        names = chosen(args, engine, missing_is_fine=args["force"])
    except NotFound as error:
        raise NotFound(error.message.replace("name or ID", "ID or name"), exit_code=1) from error
    by_user = set(args.positional)

    if args["force"]:
        engine.containers.ask_all_to_stop(names, timeout_s=timeout_s, unless_needed=not (args["all"] or args["depend"]))

    def remove(name: str) -> list[str]:
        return engine.containers.remove(
            name,
            force=args["force"],
            volumes=args["volumes"],
            depend=args["depend"] or args["all"],
            timeout_s=timeout_s,
        )

    # With --all a container may already have gone with the one that it depended on.
    return each(
        names, remove, out, ignore_missing=args["ignore"] or args["force"] or args["all"] or not by_user,
        # What went along has only ids to be told by.
        show=lambda name, ids: "\n".join([*list(ids)[:-1], name]) if isinstance(ids, list) else name,
    )  # fmt: skip
