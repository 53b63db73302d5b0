"""``skerry rmi``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.local import refuse_transport, tell
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [IMAGE...]"
DESCRIPTION = (
    "Removes images: a name, and with its last name the image. Exit code 1: there is no such image; 2: a container "
    "uses it."
)
EXAMPLES = (
    ("skerry rmi web:1.1", "remove one version"),
    ("skerry rmi -fa", "remove all images, with the containers that use them"),
)
FLAGS = (
    flag("-a", "--all", help="Remove all images"),
    flag("-f", "--force", help="Remove the containers that use it and all its names, too"),
    flag("-i", "--ignore", help="No error when an image does not exist"),
    flag("--no-prune", help="Keep the untagged images below it"),
)
COMPLETE = "images"


def run(args: Args, engine: Engine, out: Output) -> int:
    if bool(args["all"]) == bool(args.positional):
        raise UsageError(
            "when using the --all switch, you may not pass any images names or IDs"
            if args["all"]
            else "image name or ID must be specified"
        )
    for name in args.positional:
        refuse_transport(name)
    code, errors = 0, []
    for name in (
        [row["Id"] for row in engine.images.list(all=True, filters=["readonly=false"])]
        if args["all"]
        else args.positional
    ):
        try:
            lines = engine.images.remove(
                [name], force=args["force"], ignore=args["ignore"] or args["all"], whole=args["all"],
                prune=not args["no_prune"],
            )  # fmt: skip
            for line in lines:
                out.line(line)
        except SkerryError as error:
            errors.append(str(error))
            code = worse(code, error.exit_code)
    tell(out, errors)
    return code


def worse(code: int, new: int) -> int:
    """Podman's choice between the exit codes of several failures: 125, then 2, then 1."""
    rank = (0, 1, 2)
    return new if code in rank and (new not in rank or new > code) else code
