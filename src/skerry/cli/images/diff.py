"""``skerry image diff``."""

from __future__ import annotations

from skerry.cli.changes import show_changes
from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [IMAGE]"
DESCRIPTION = (
    "Shows what an image's top layer changes in those below, or how the first image differs from the second. "
    "A: added, C: changed, D: deleted."
)
EXAMPLES = (("skerry image diff --format json web", "for programs"),)
FLAGS = (flag("--format", kind="str", metavar="FORMAT", help="json"),)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["format"] not in ("", "json"):
        raise Invalid("only supported value for '--format' is 'json'")
    names = args.positional
    show_changes(engine.images.diff(*names), out, json=args["format"] == "json")
    return 0
