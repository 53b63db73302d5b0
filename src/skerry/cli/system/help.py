"""``skerry help``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args, Flag
    from skerry.cli.output import Output

USAGE = "[command]"
DESCRIPTION = "Shows what a command does and takes; without one, the list of commands."
EXAMPLES = (("skerry help run", "what run takes"), ("skerry help volume ls", "a command of a group"))
FLAGS: tuple[Flag, ...] = ()
COMPLETE = "commands"
ENGINE = False


def run(args: Args, engine: None, out: Output) -> int:
    from skerry.cli.help import show

    return show(args.positional, out)
