"""``skerry wait``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Waits until each container has stopped, or is in the state that --condition names, and prints its exit code."
)
EXAMPLES = (("skerry wait job", "wait for the container job and print its exit code"),)
FLAGS = (
    flag("--condition", kind="slice", metavar="STATE", help="State to wait for (stopped); repeat for any of several"),
    flag("--ignore", help="Print -1 for a container that does not exist"),
    flag("-i", "--interval", kind="str", metavar="TIME", default="250ms", help="How often to look, such as 500ms"),
    LATEST,
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.units import parse_duration

    text = args["interval"]
    interval_s = int(text) / 1e3 if text.isdigit() else parse_duration(text, "--interval") / 1e9
    conditions = tuple(args["condition"])

    def wait(name: str) -> int:
        if args["ignore"] and not engine.containers.exists(name):
            return -1
        return engine.containers.wait(name, conditions=conditions, interval_s=interval_s)

    return each(chosen(args, engine), wait, out, show=lambda _name, code: str(code))
