"""``skerry wait``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import UsageError, flag
from skerry.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Waits until each container has stopped, or is in the state that --condition names, and prints its exit code."
)
EXAMPLES = (("skerry wait job", "wait for the container job and print its exit code"),)
FLAGS = (
    flag("--condition", kind="slice", metavar="STATE", help="State to wait for (stopped); repeat for any of several"),
    flag("--exit-first-match", help="Wait for the first of them only"),
    flag("--ignore", help="Print -1 for a container that does not exist"),
    flag("-i", "--interval", kind="str", metavar="TIME", default="250ms", help="How often to look, such as 500ms"),
    LATEST,
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.units import parse_duration

    text = args["interval"]
    interval_s = int(text) / 1e3 if text.isdigit() else parse_duration(text, "--interval") / 1e9
    conditions = tuple(args["condition"])

    if not args.positional and not args["latest"]:
        raise UsageError(f'"skerry {out.command}" requires a name, id, or the "--latest" flag')
    try:
        names = chosen(args, engine)
    except NotFound:
        if not (args["ignore"] and args["latest"]):
            raise
        names = [""]  # there is no latest one, either
    if args["exit_first_match"]:
        if args["ignore"]:
            names = [name for name in names if engine.containers.exists(name)]
        code = engine.containers.wait_first(names, conditions=conditions, interval_s=interval_s) if names else -1
        out.line(str(code))
        return 0

    def wait(name: str) -> int:
        if args["ignore"] and not engine.containers.exists(name):
            return -1
        return engine.containers.wait(name, conditions=conditions, interval_s=interval_s)

    return each(names, wait, out, show=lambda _name, code: str(code))
