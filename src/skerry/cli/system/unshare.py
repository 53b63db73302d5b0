"""skerry unshare: run a program in the user namespace of rootless containers."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [COMMAND [ARG...]]"
DESCRIPTION = (
    "Run a command in the user namespace in which this user's containers live: there the user is root and the files of "
    "containers' other users can be seen, changed and removed, and container file systems are mounted. Without a "
    "command it is $SHELL. CONTAINERS_GRAPHROOT and CONTAINERS_RUNROOT name the store there. The exit code is the "
    "command's. Only for users other than root."
)
EXAMPLES = (
    ("skerry unshare", "a shell in the namespace"),
    ("skerry unshare cat /proc/self/uid_map", "which ids it has"),
    ("skerry unshare --rootless-netns ip addr", "the bridges of this user's networks"),
    ("skerry unshare rm -rf ~/data", "remove what containers' users have written"),
)
FLAGS = (flag("--rootless-netns", help="Also join the network namespace of this user's bridge networks"),)
COMPLETE = "files"
INTERSPERSED = False
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    """Become the command; in the network of bridges, wait for it."""
    from skerry.engine.rootless import unshare, unshare_network

    out.flush()
    if not args["rootless_netns"]:
        unshare(engine.settings, args.positional)
    return unshare_network(engine, args.positional)
