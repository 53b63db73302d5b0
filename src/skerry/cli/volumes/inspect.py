"""``skerry volume inspect``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.cli.volumes.list import brief
from skerry.errors import NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] VOLUME [VOLUME...]"
DESCRIPTION = "Shows everything about volumes as JSON."
EXAMPLES = (("skerry volume inspect -f '{{.Mountpoint}}' data", "where its files are"),)
FLAGS = (
    flag("-a", "--all", help="All volumes"),
    flag("-f", "--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
)
COMPLETE = "volumes"


def run(args: Args, engine: Engine, out: Output) -> int:
    if bool(args["all"]) == bool(args.positional):
        raise UsageError("you must provide names of volumes, or --all")
    names = [row["Name"] for row in engine.volumes.list()] if args["all"] else args.positional
    found, code = [], 0
    for name in names:
        try:
            found.append(engine.volumes.inspect(name))
        except NotFound:
            code = 125
            out.error(f"no such volume {name}")
        except SkerryError as error:
            code = 125
            out.error(str(error))
    if args["format"] in ("", "json"):
        found = [brief(row) for row in found]
    out.inspect(found, args["format"])
    return code
