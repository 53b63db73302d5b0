"""skerry unshare: run a program in the user namespace of rootless containers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[COMMAND [ARG...]]"
DESCRIPTION = (
    "Run a command in the user namespace in which this user's containers live: there the user is root and the files of "
    "containers' other users can be seen, changed and removed, and container file systems are mounted. Without a "
    "command it is $SHELL. CONTAINERS_GRAPHROOT and CONTAINERS_RUNROOT name the store there. The exit code is the "
    "command's. Only for users other than root."
)
EXAMPLES = (
    ("skerry unshare", "a shell in the namespace"),
    ("skerry unshare cat /proc/self/uid_map", "which ids it has"),
    ("skerry unshare rm -rf ~/data", "remove what containers' users have written"),
)
FLAGS = ()
COMPLETE = "files"
INTERSPERSED = False
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    """Become the command."""
    from skerry.engine.rootless import unshare

    out.flush()
    unshare(engine.settings, args.positional)
