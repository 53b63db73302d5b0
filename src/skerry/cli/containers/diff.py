"""``skerry diff``."""

from __future__ import annotations

from skerry.cli.changes import show_changes
from skerry.cli.flags import UsageError, flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER|IMAGE [CONTAINER|IMAGE]"
DESCRIPTION = (
    "Shows what a container changed in its image (or an image's top layer in those below), or how the first differs from the second. "
    "A: added, C: changed, D: deleted."
)
EXAMPLES = (("skerry diff --format json web", "for programs"),)
FLAGS = (
    flag("--format", kind="str", metavar="FORMAT", help="json"),
    flag("-l", "--latest", help="The container that was created last"),
)
COMPLETE = "containers+images"
MIN_ARGS, MAX_ARGS = 0, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["format"] not in ("", "json"):
        raise Invalid("only supported value for '--format' is 'json'")
    if args["latest"] and args.positional:
        raise UsageError("--latest and containers cannot be used together")
    names = [*([engine.containers.latest()] if args["latest"] else []), *args.positional]
    if not 1 <= len(names) <= 2:
        raise UsageError("container must be specified: skerry container diff [options [...]] ID-NAME")
    show_changes(engine.containers.diff(*names), out, json=args["format"] == "json")
    return 0
