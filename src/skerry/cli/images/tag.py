"""``skerry tag``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "IMAGE NAME [NAME...]"
DESCRIPTION = "Gives an image more names. A name without a registry becomes localhost/NAME, one without a tag :latest."
EXAMPLES = (("skerry tag web registry.example.com/team/web:1.2", "the name to push it under"),)
FLAGS = ()
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 2, None


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.images.tag(args.positional[0], *args.positional[1:])
    return 0
