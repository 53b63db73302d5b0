"""``skerry export``."""

from __future__ import annotations

import os

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER"
DESCRIPTION = "Writes a container's root file system, without its volumes, as a tar to standard output or a file."
EXAMPLES = (("skerry export web | tar t", "what is in it"), ("skerry export -o web.tar web", "to a file"))
FLAGS = (flag("-o", "--output", kind="str", metavar="FILE", complete="files", help="Write to a file, not to stdout"),)
COMPLETE = "containers"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    if not args["output"] and os.isatty(1):
        raise Invalid("refusing to export to terminal. Use -o flag or redirect")
    if ":" in args["output"]:
        raise Invalid(f"invalid filename (should not contain ':') \"{args['output']}\"")
    out.flush()
    engine.containers.export(args.positional[0], args["output"] or 1)
    return 0
