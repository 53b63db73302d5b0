"""``skerry unmount``."""

from __future__ import annotations

from skerry.cli.containers.selection import require_one_way
from skerry.cli.flags import flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER...]"
DESCRIPTION = "Undoes mount, and prints each container. A running container keeps its own mount."
EXAMPLES = (("skerry unmount -a", "all of them"),)
FLAGS = (
    flag("-a", "--all", help="All that mount has mounted"),
    flag("-f", "--force", help="No error for containers that are mounted because they run"),
    flag("-l", "--latest", help="The container that was created last"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    require_one_way(args.positional, everything=args["all"], latest=args["latest"])
    names = [c["id"] for c, _path in engine.containers.mounted()] if args["all"] else []
    names += [*([engine.containers.latest()] if args["latest"] else []), *args.positional]
    force = args["force"] or args["all"]
    code = 0
    for name in names:
        try:
            engine.containers.unmount(name, force=force)
            out.line(name)
        except SkerryError as error:
            code = 125
            out.error(str(error))
    return code
