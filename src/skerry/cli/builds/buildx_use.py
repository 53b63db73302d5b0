"""``skerry buildx use``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "[options] [NAME]"
DESCRIPTION = "There is one builder, Skerry itself, under whatever name: it is always the one in use. (Also rm and stop: nothing to do.)"
EXAMPLES = (("skerry buildx use ci", "what CI scripts say"),)
FLAGS = (
    flag("--default", help="For the current context, which is the only one"),
    flag("--global", help="For all contexts"),
    flag("-f", "--force", hidden=True), flag("--all-inactive", hidden=True),
    flag("--keep-state", hidden=True), flag("--keep-daemon", hidden=True),
)  # fmt: skip
COMPLETE = "none"
ENGINE = False
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: None, out: Output) -> int:
    return 0
