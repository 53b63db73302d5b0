"""``skerry buildx inspect``."""

from __future__ import annotations

from skerry.cli.builds.buildx_list import builder
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "[options] [NAME]"
DESCRIPTION = "Says what the builder is: Skerry itself, under whatever name."
EXAMPLES = (("skerry buildx inspect --bootstrap", "what CI scripts say after create"),)
FLAGS = (
    flag("--bootstrap", help="There is nothing to be started"),
    flag("--builder", kind="str", metavar="NAME", help="The name to show"),
)
COMPLETE = "none"
ENGINE = False
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: None, out: Output) -> int:
    name = (args.positional or [args["builder"] or "default"])[0]
    row = builder()
    for line in (
        f"Name:   {name}", f"Driver: {row['Driver']}", "", "Nodes:", f"Name:      {name}", "Endpoint:  skerry",
        f"Status:    {row['Status']}", f"BuildKit version: {row['Buildkit']}", f"Platforms: {row['Platforms']}",
    ):  # fmt: skip
        out.line(line)
    return 0
