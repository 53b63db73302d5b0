"""``skerry manifest remove``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "LIST DIGEST"
DESCRIPTION = "Takes one instance, by its digest, from a list of manifests. Its image stays. Prints the list's id."
EXAMPLES = (("skerry manifest remove web:1.2 sha256:…", "the instance for a platform that is no longer served"),)
FLAGS = ()
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 2, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    name, digest = args.positional
    out.line(engine.manifests.remove(name, digest))
    return 0
