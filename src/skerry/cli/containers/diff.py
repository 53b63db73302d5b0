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
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    return show(args, engine, out)


def show(args: Args, engine: Engine, out: Output, kind: str = "") -> int:
    """What ``kind`` (containers, or also images) changes."""
    if args["format"] not in ("", "json"):
        raise Invalid("only supported value for '--format' is 'json'")
    if args["latest"] and args.positional:
        raise UsageError("--latest and containers cannot be used together")
    names = [*([engine.containers.latest()] if args["latest"] else []), *args.positional]
    if not names:
        raise UsageError(f'"skerry {out.command}" requires a name, id, or the "--latest" flag')
    if len(names) > 2:
        raise UsageError(f"accepts between 1 and 2 arg(s), received {len(names)}")
    show_changes(engine.containers.diff(*names, kind=kind), out, json=args["format"] == "json")
    return 0
