"""``skerry volume export``."""

from __future__ import annotations

import os

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] VOLUME"
DESCRIPTION = "Writes a volume's files as a tar to standard output or a file."
EXAMPLES = (
    ("skerry volume export data -o data.tar", "a copy of a volume"),
    ("skerry volume export data | ssh there skerry volume import data -", "to another machine"),
)
FLAGS = (flag("-o", "--output", kind="str", metavar="FILE", complete="files", help="Write to a file, not to stdout"),)
COMPLETE = "volumes"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    target = args["output"]
    if target in ("", "-", "/dev/stdout"):
        if os.isatty(1):
            raise Invalid("cannot write to terminal, use command-line redirection or the --output flag")
        target = ""
    out.flush()
    engine.volumes.export(args.positional[0], target or 1)
    return 0
