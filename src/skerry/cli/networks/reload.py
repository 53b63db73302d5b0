"""``skerry network reload``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER...]"
DESCRIPTION = (
    "Puts the firewall rules, published ports and names of running containers back, after another tool (a firewall's "
    "reload, nft flush ruleset) has removed them."
)
EXAMPLES = (("skerry network reload -a", "of all running containers"),)
FLAGS = (flag("-a", "--all", help="All running containers"), LATEST)
COMPLETE = "running-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    names = chosen(args, engine, all_running=True)
    return each(names, engine.networks.reload, out, show=lambda _name, container_id: str(container_id))
