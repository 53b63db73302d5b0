"""``skerry image mount``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.engine.rootless import require_inside
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

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
        raise UsageError(f'unknown --format argument: "{args["format"]}"')
    require_inside(engine, out.command)
    if args["all"] and args.positional:
        raise UsageError("when using the --all switch, you may not pass any image names or IDs")
    names = [*([row["Id"] for row in engine.images.list(all=True)] if args["all"] else []), *args.positional]
    if not names and not args["all"]:
        _show(engine.images.mounted(), args, out)
        return 0
    code, done = 0, []
    for name in names:
        try:
            path = engine.images.mount(name)
            done.append((engine.images.resolve(name), path))
        except SkerryError as error:
            code = 125
            out.error(str(error))
    _show(done, args, out, alone=len(names) == 1 and not args["all"])
    return code


def _show(mounted: Sequence[tuple[ImageRecord, str]], args: Args, out: Output, *, alone: bool = False) -> None:
    if args["format"] == "json":
        rows = [
            {"id": i["id"], "Names": [i["digest"]], "Repositories": i["names"], "mountpoint": p} for i, p in mounted
        ]
        out.listing([], format="json", default="", json_rows=rows)
        return
    for record, path in mounted:
        out.line(path if alone else f"{_shown(record)}  {path}")


def _shown(image: ImageRecord) -> str:
    return image["names"][0] if image["names"] else image["id"]
