"""``skerry volume mount``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "VOLUME"
DESCRIPTION = (
    "Mounts a volume that needs it (one with a type, a device, an image or a plugin) and prints where its files are. It "
    "stays mounted until as many volume unmount, and as long as containers use it. Under a user: within `skerry unshare`."
)
EXAMPLES = (("cd $(skerry volume mount data)", "look at a volume's files"),)
FLAGS = ()
COMPLETE = "volumes"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    out.line(engine.volumes.mount(args.positional[0]))
    return 0
