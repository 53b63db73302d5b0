"""``skerry system renumber``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args, Flag
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = ""
DESCRIPTION = (
    "Podman gives its numbered locks anew; here every container and volume is locked by its own id, so there is nothing "
    "to be done, and scripts that say this go on."
)
EXAMPLES = (("skerry system renumber", "nothing"),)
FLAGS: tuple[Flag, ...] = ()
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0
