"""``skerry load``."""

from __future__ import annotations

import sys

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Loads images from an archive that save, Podman, Docker, Skopeo or umoci wrote (docker-archive, oci-archive, or "
    "the same as folders; plain, gzip or zstd), read from a file or from standard input."
)
EXAMPLES = (("skerry load -i web.tar", "from a file"), ("zcat web.tar.gz | skerry load", "from a pipe"))
FLAGS = (
    flag("-i", "--input", kind="str", metavar="FILE", complete="files", help="Read from a file, not from stdin"),
    flag("-q", "--quiet", help="No progress"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["input"] and args["input"] != "-":
        names = engine.images.load(args["input"])
    elif sys.stdin.isatty():
        raise Invalid("cannot read from terminal, use command-line redirection or the --input flag")
    else:
        names = engine.images.load(sys.stdin.buffer)
    for name in names:
        out.line(f"Loaded image: {name}")
    return 0
