"""``skerry image tree``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE"
DESCRIPTION = "Shows an image's layers as a tree, with the images that end at each."
EXAMPLES = (("skerry image tree --whatrequires base", "what is based on it"),)
FLAGS = (flag("--whatrequires", help="Show the images that are based on it"),)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    for line in engine.images.tree(args.positional[0], what_requires=args["whatrequires"]):
        out.line(line)
    return 0
