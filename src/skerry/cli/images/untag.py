"""``skerry untag``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "IMAGE [NAME...]"
DESCRIPTION = "Takes names from an image, or all when none is given. The image stays, if need be without a name."
EXAMPLES = (("skerry untag web registry.example.com/team/web:1.2", "remove one name"),)
FLAGS = ()
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.images.untag(args.positional[0], *args.positional[1:])
    return 0
