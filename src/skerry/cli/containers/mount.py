"""``skerry mount``."""

from __future__ import annotations

from skerry.cli.containers.selection import require_one_way
from skerry.cli.flags import UsageError, flag
from skerry.engine.rootless import require_inside
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER...]"
DESCRIPTION = "Mounts containers' root file systems and prints where (under a user: within `skerry unshare`); without a container it lists those that are mounted."
EXAMPLES = (("cd $(skerry mount web)", "look around"),)
FLAGS = (
    flag("-a", "--all", help="All containers"),
    flag("--format", kind="str", metavar="FORMAT", help="json"),
    flag("-l", "--latest", help="The container that was created last"),
    flag("--no-trunc", help="IDs in full"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["format"] not in ("", "json"):
        raise UsageError(f'unknown --format argument: "{args["format"]}"')
    require_inside(engine, out.command)
    if args["all"] or args["latest"]:
        require_one_way(args.positional, everything=args["all"], latest=args["latest"])
    names = [
        *(engine.containers.ids() if args["all"] else []),
        *([engine.containers.latest()] if args["latest"] else []),
    ]
    names += args.positional
    if not names and not args["all"]:
        mounted = engine.containers.mounted()
        if args["format"] == "json":
            rows = [{"id": c["id"], "Names": [c["name"]], "mountpoint": path} for c, path in mounted]
            out.listing([], format="json", default="", json_rows=rows)
            return 0
        for record, path in mounted:
            out.line(f"{record['id'] if args['no_trunc'] else record['id'][:12]}  {path}")
        return 0
    code = 0
    for name in names:
        try:
            out.line(engine.containers.mount(name))
        except SkerryError as error:
            code = 125
            out.error(str(error))
    return code
