"""``skerry image inspect``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [IMAGE...]"
DESCRIPTION = "Shows everything about images as JSON."
EXAMPLES = (("skerry image inspect -f '{{.Config.Cmd}}' web", "what it runs"),)
FLAGS = (flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    found, code = [], 0
    for name in args.positional:
        try:
            found.append(engine.images.inspect(name))
        except SkerryError as error:
            code = 125
            out.error(str(error))
    out.inspect(found, args["format"])
    return code
