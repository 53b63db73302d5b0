"""``skerry image mount``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

USAGE = "[options] [IMAGE...]"
DESCRIPTION = "Mounts images' trees read-only and prints where (under a user: within `skerry unshare`); without an image it lists those that are mounted."
EXAMPLES = (("cd $(skerry image mount web)", "look around"),)
FLAGS = (flag("-a", "--all", help="All images"), flag("--format", kind="str", metavar="FORMAT", help="json"))
COMPLETE = "images"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["format"] not in ("", "json"):
        raise UsageError(f"unknown --format argument: {args['format']}")
    names = [*([row["Id"] for row in engine.images.list(all=True)] if args["all"] else []), *args.positional]
    if not names and not args["all"]:
        mounted = engine.images.mounted()
        if args["format"] == "json":
            rows = [
                {"id": i["id"], "Names": [i["digest"]], "Repositories": i["names"], "mountpoint": p} for i, p in mounted
            ]
            out.listing([], format="json", default="", json_rows=rows)
            return 0
        for record, path in mounted:
            out.line(f"{_shown(record)}  {path}")
        return 0
    code = 0
    for name in names:
        try:
            path = engine.images.mount(name)
            out.line(f"{_shown(engine.images.resolve(name))}  {path}" if args["all"] or len(names) > 1 else path)
        except SkerryError as error:
            code = 125
            out.error(str(error))
    return code


def _shown(image: ImageRecord) -> str:
    return image["names"][0] if image["names"] else image["id"]
