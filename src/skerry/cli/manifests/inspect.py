"""``skerry manifest inspect``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import AUTHFILE, TLS_VERIFY
from skerry.cli.manifests.flags import INSECURE, transfer_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST"
DESCRIPTION = (
    "Shows a list of manifests as JSON: one of this store, or else what a registry has under the name. Nothing is "
    "pulled."
)
EXAMPLES = (("skerry manifest inspect docker.io/library/debian", "which platforms there are"),)
FLAGS = (
    AUTHFILE,
    INSECURE,
    TLS_VERIFY,
    flag("-v", "--verbose", hidden=True, help="Does nothing: for Docker's scripts"),
)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    out.json(engine.manifests.inspect(args.positional[0], transfer=transfer_of(args)))
    return 0
