"""``skerry image unmount``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [IMAGE...]"
DESCRIPTION = "Undoes image mount, and prints the images' IDs."
EXAMPLES = (("skerry image unmount -a", "all of them"),)
FLAGS = (
    flag("-a", "--all", help="All that are mounted"),
    flag("-f", "--force", help="Also while files in it are open"),
)
COMPLETE = "images"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["all"] and args.positional:
        raise UsageError("when using the --all switch, you may not pass any image names or IDs")
    names = [*([image["id"] for image, _path in engine.images.mounted()] if args["all"] else []), *args.positional]
    if not names and not args["all"]:
        raise UsageError("image name or ID must be specified")
    code = 0
    for name in names:
        try:
            if was := engine.images.unmount(name, force=args["force"]):
                out.line(was)
        except SkerryError as error:
            code = 125
            out.error(str(error))
    return code
