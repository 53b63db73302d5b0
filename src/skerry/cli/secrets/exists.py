"""``skerry secret exists``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "SECRET"
DESCRIPTION = "Says by its exit code whether a secret exists: 0 yes, 1 no."
EXAMPLES = (("skerry secret exists db-password || echo no", "ask in a script"),)
FLAGS = ()
COMPLETE = "secrets"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    return 0 if engine.secrets.exists(args.positional[0]) else 1
