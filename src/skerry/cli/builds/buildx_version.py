"""``skerry buildx version``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = ""
DESCRIPTION = "Prints the builder's version, in the three words that scripts expect of Docker's buildx."
EXAMPLES = (("skerry buildx version", "github.com/docker/buildx-compatible version"),)
FLAGS = ()
COMPLETE = "none"
ENGINE = False
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: None, out: Output) -> int:
    from skerry import __version__

    out.line(f"skerry/buildx v{__version__} skerry")
    return 0
