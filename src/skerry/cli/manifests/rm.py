"""``skerry manifest rm``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST [LIST...]"
DESCRIPTION = (
    "Removes lists of manifests, with all their names. The images in them stay. Exit code 1: there is no such list."
)
EXAMPLES = (("skerry manifest rm web:1.2", "the list, not its images"),)
FLAGS = (flag("-i", "--ignore", help="No error when a list does not exist"),)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.images.local import tell
    from skerry.cli.images.rm import worse

    code, errors = 0, []
    for name in args.positional:
        try:
            for line in engine.manifests.rm([name], ignore=args["ignore"]):
                out.line(line)
        except SkerryError as error:
            errors.append(str(error))
            code = worse(code, error.exit_code)
    tell(out, errors)
    return code
