"""``skerry volume import``."""

from __future__ import annotations

import sys

from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "VOLUME FILE|-"
DESCRIPTION = (
    "Unpacks a tar (plain, gzip, bzip2, xz or zstd; from a file or standard input), such as volume export writes, into "
    "a volume. What is there already stays unless the tar has something in its place."
)
EXAMPLES = (
    ("skerry volume import data data.tar", "from a file"),
    ("skerry volume export old | skerry volume import new -", "from one volume into another"),
)
FLAGS = ()
COMPLETE = ("volumes", "files")
MIN_ARGS, MAX_ARGS = 2, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    name, source = args.positional
    if source in ("-", "/dev/stdin"):
        if sys.stdin.isatty():
            raise Invalid("cannot read from terminal, use command-line redirection")
        engine.volumes.import_tar(name, sys.stdin.buffer)
    else:
        engine.volumes.import_tar(name, source)
    return 0
