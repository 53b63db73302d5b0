"""``skerry manifest create``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import TLS_VERIFY
from skerry.cli.manifests.flags import INSECURE, annotations_of, transfer_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST [IMAGE...]"
DESCRIPTION = (
    "Makes a list of manifests: one name under which a registry has an image for several platforms. Images may be "
    "added at once. Prints the list's id."
)
EXAMPLES = (
    ("skerry manifest create web:1.2 web:1.2-amd64 web:1.2-arm64", "of two images that were built here"),
    ("skerry manifest create --all debian docker://debian:12", "a copy of a list that a registry has"),
)
FLAGS = (
    flag("--all", help="Of a list, add every image, not only the one for this platform"),
    flag("-a", "--amend", help="Change the list that has the name already"),
    flag("--annotation", kind="list", metavar="KEY=VALUE", help="Say this of the list"),
    INSECURE,
    TLS_VERIFY,
)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    name, *images = args.positional
    list_id = engine.manifests.create(
        name, images, amend=args["amend"], all=args["all"], annotations=annotations_of(args["annotation"]),
        transfer=transfer_of(args),
    )  # fmt: skip
    out.line(list_id)
    return 0
