"""``skerry attach``."""

from __future__ import annotations

from skerry.cli.containers.selection import chosen_one
from skerry.cli.flags import UsageError, flag
from skerry.engine.containers.run import Streams, attach

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER"
DESCRIPTION = (
    "Connects this terminal to a running container: its output from now on is shown, what is typed goes to it (if it "
    "was started with -i). Ends with the container, and with its exit code; Ctrl-P Ctrl-Q leaves it running."
)
EXAMPLES = (
    ("skerry attach shell", "go back to the container shell after detaching"),
    ("skerry attach --no-stdin web", "only watch"),
)
FLAGS = (
    flag("--detach-keys", kind="str", metavar="KEYS", default="ctrl-p,ctrl-q", help="Keys that detach; empty: none"),
    flag("-l", "--latest", help="Act on the container that was created last"),
    flag("--no-stdin", help="Do not pass standard input on"),
    flag("--sig-proxy", default=True, help="Pass received signals on to the program"),
)
COMPLETE = ("running-containers", "none")


def run(args: Args, engine: Engine, out: Output) -> int:
    if len(args.positional) > 1:
        raise UsageError(f"`skerry {out.command}` accepts at most one argument")
    if args["latest"] and args.positional:
        raise UsageError("--latest and containers cannot be used together")
    name, _ = chosen_one(args, engine, f'"skerry {out.command}" requires a name, id, or the "--latest" flag')
    streams = Streams(
        None if args["no_stdin"] else 0,
        detach_keys=args["detach_keys"] if args.given("detach_keys") else None,
        sig_proxy=args["sig_proxy"],
    )
    return attach(engine, name, streams)
