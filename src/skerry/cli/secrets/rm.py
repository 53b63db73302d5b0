"""``skerry secret rm``."""

from __future__ import annotations

from skerry.cli.containers.selection import each
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] SECRET [SECRET...]"
DESCRIPTION = (
    "Removes secrets, and prints their ids. Containers that were created with one as a file keep their copy; those "
    "that have it as a variable cannot start any more."
)
EXAMPLES = (("skerry secret rm db-password", "remove a secret"),)
FLAGS = (flag("-a", "--all", help="All secrets"), flag("-i", "--ignore", help="No error when one does not exist"))
COMPLETE = "secrets"


def run(args: Args, engine: Engine, out: Output) -> int:
    if bool(args["all"]) == bool(args.positional):
        raise UsageError("`skerry secret rm` requires one argument, or the --all flag")
    names = [record["id"] for record in engine.secrets.list()] if args["all"] else args.positional
    return each(
        names, engine.secrets.remove, out, ignore_missing=args["ignore"] or args["all"],
        show=lambda _name, removed: str(removed),
    )  # fmt: skip
