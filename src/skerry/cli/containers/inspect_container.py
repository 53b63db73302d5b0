"""``skerry container inspect``."""

from __future__ import annotations

from skerry.cli.containers.inspect import show
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Shows everything about containers as JSON: state, configuration, limits, mounts, networks; or the part of it "
    "that --format asks for. What was found is printed also where another name was not; the exit code is 125 then."
)
EXAMPLES = (
    ("skerry container inspect web", "everything about web"),
    ("skerry container inspect -f '{{.State.ExitCode}}' web", "how it ended"),
    ("skerry container inspect -s -f '{{.SizeRw}}' web", "how many bytes it wrote"),
)
FLAGS = (
    flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template for each container, or json"),
    flag("-l", "--latest", help="The container that was created last"),
    flag("-s", "--size", help="Also how much it wrote (SizeRw, SizeRootFs)"),
)
COMPLETE = "containers"
MIN_ARGS = 0


def run(args: Args, engine: Engine, out: Output) -> int:
    return show(args, engine, out, "container")
