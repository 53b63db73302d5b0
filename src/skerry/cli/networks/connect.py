"""``skerry network connect``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] NETWORK CONTAINER"
DESCRIPTION = (
    "Connects a container to a network, at once if it runs. It can then be found there by its name, and by its aliases, "
    "by the other containers of the network."
)
EXAMPLES = (
    ("skerry network connect backend web", "put web on the network backend, too"),
    ("skerry network connect --alias db --ip 10.89.2.8 backend postgres", "with a second name and a fixed address"),
)
FLAGS = (
    flag("--alias", kind="slice", metavar="NAME", help="Another name of the container on this network"),
    flag("--ip", kind="str", metavar="ADDRESS", help="A fixed IPv4 address"),
    flag("--ip6", kind="str", metavar="ADDRESS", help="A fixed IPv6 address"),
    flag("--mac-address", kind="str", metavar="MAC", help="A fixed MAC address"),
)
MIN_ARGS = MAX_ARGS = 2
COMPLETE = ("networks", "containers")


def run(args: Args, engine: Engine, out: Output) -> int:
    engine.networks.connect(
        args.positional[0], args.positional[1], aliases=args["alias"], mac=args["mac_address"],
        addresses=[address for address in (args["ip"], args["ip6"]) if address],
    )  # fmt: skip
    return 0
