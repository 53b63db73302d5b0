"""``skerry network update``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NETWORK"
DESCRIPTION = "Changes the name servers that a network's own name server asks, at once also for running containers."
EXAMPLES = (("skerry network update --dns-drop 8.8.8.8 --dns-add 9.9.9.9 app", "another name server"),)
FLAGS = (
    flag("--dns-add", kind="slice", metavar="ADDRESS", help="Ask this name server, too"),
    flag("--dns-drop", kind="slice", metavar="ADDRESS", help="Do not ask this name server any more"),
)
MIN_ARGS = MAX_ARGS = 1
COMPLETE = "networks"


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.networks.update(args.positional[0], dns_add=args["dns_add"], dns_drop=args["dns_drop"])
    out.line(args.positional[0])
    return 0
