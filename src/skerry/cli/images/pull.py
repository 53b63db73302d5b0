"""``skerry pull``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.registry_flags import (
    DISABLE_CONTENT_TRUST,
    PLATFORM,
    REGISTRY_FLAGS,
    SIGNATURE_POLICY,
    platform,
    transfer,
)
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [IMAGE...]"
DESCRIPTION = (
    "Copies images from registries to this store and prints their ids. A name without a registry is looked for where "
    "registries.conf says, or on docker.io. What is here already is not fetched again, and a pull that was cut goes on "
    "where it stopped. IMAGE may also be in an archive or a folder: docker-archive:FILE[:NAME|@INDEX], "
    "oci-archive:FILE[:NAME], oci:FOLDER[:NAME], dir:FOLDER."
)
EXAMPLES = (
    ("skerry pull debian:12", "from docker.io"),
    (
        "skerry pull --platform linux/arm64 registry.example.com/team/web@sha256:…",
        "an exact image for another platform",
    ),
)
FLAGS = (
    flag("-a", "--all-tags", help="Pull every tag of the repository"),
    *PLATFORM,
    *REGISTRY_FLAGS,
    flag("--policy", kind="str", metavar="POLICY", default="always",
         help="When to pull: always, missing, never or newer"),
    DISABLE_CONTENT_TRUST,
    SIGNATURE_POLICY,
    flag("-q", "--quiet", help="No progress"),
)  # fmt: skip
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.choose import image_chooser
    from skerry.cli.transfers import reporter
    from skerry.engine.images.pull import Pull, pull_all_tags, pull_named

    if args["all_tags"] and args.given("policy"):
        raise UsageError("--all-tags and --policy can't be used together")
    report = reporter(out, quiet=args["quiet"])
    options = Pull(
        platform=platform(args), policy=args["policy"], transfer=transfer(args), report=report, choose=image_chooser()
    )  # fmt: skip
    code = 0
    for name in args.positional:
        try:
            records = pull_all_tags(engine, name, options) if args["all_tags"] else pull_named(engine, name, options)
        except SkerryError as error:
            out.error(str(error))
            code = error.exit_code
            continue
        for record in records:
            out.line(record["id"])
    return code
