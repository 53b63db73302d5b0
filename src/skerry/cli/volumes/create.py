"""``skerry volume create``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [NAME]"
DESCRIPTION = "Creates a volume, with a random name when none is given, and prints its name."
EXAMPLES = (("skerry volume create data", "a volume to be mounted by -v data:/srv"),)
FLAGS = (
    flag("--ignore", help="No error when it exists already"),
    flag("-l", "--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    labels = {}
    for item in args["label"]:
        key, _, value = item.partition("=")
        if not key:
            raise Invalid(f'invalid label "{item}": a label must start with a name')
        labels[key] = value
    name = args.positional[0] if args.positional else ""
    out.line(engine.volumes.create(name, labels=labels, ignore=args["ignore"])["name"])
    return 0
