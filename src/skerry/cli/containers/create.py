"""``skerry create``."""

from __future__ import annotations

from skerry.cli.containers.create_flags import CREATE_FLAGS, create_options
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [COMMAND [ARG...]]"
DESCRIPTION = (
    "Creates a container over an image, ready to run COMMAND, and prints its id. Nothing is started: 'skerry start' "
    "does that. All flags stand before the image; what follows it belongs to the command."
)
EXAMPLES = (
    ("skerry create --name web -p 8080:80 nginx", "a web server to be started later"),
    ("skerry create -it --rm busybox sh", "a shell; 'skerry start -ai' runs it"),
)
FLAGS = (
    *CREATE_FLAGS,
    flag("-a", "--attach", kind="slice", metavar="STREAM", help="As Docker's: nothing is attached before the start"),
)
COMPLETE = "images"
INTERSPERSED = False
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.containers.create import create

    record = create(engine, create_options(args, out))
    if not (args["log_driver"] or "").startswith("passthrough"):  # as Podman, for who pipes what `start -a` says
        out.line(record["id"])
    return 0
