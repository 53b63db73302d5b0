"""``skerry manifest push``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import REGISTRY_FLAGS
from skerry.cli.manifests.flags import INSECURE, transfer_of
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LIST [DESTINATION]"
DESCRIPTION = (
    "Copies a list of manifests to a registry, under its own name or as DESTINATION, with the images in it. What was "
    "added from a registry is copied from there. DESTINATION may also be dir:FOLDER, oci:FOLDER[:NAME] or "
    "oci-archive:FILE[:NAME]."
)
EXAMPLES = (
    ("skerry manifest push web:1.2 docker://registry.example.com/team/web:1.2", "the list and its images"),
    ("skerry manifest push --add-compression zstd web:1.2", "each image by gzip and by zstd"),
)
FLAGS = (
    flag("--add-compression", kind="slice", metavar="FORMAT", help="Push each image once more, compressed so"),
    flag("--all", default=True, help="Push the images in the list, too"),
    *REGISTRY_FLAGS,
    flag("--compression-format", kind="str", choices=("gzip", "zstd", "zstd:chunked"),
         help="Compress layers by gzip or zstd; those that are compressed otherwise, again (zstd:chunked means zstd): the "
         "compression format to use"),
    flag("--compression-level", kind="int", help="0 to 9 for gzip, 1 to 22 for zstd: the compression level to use"),
    flag("--digestfile", kind="str", metavar="FILE", complete="files", help="Write the list's digest to a file"),
    flag("--force-compression", help="Compress again what is compressed otherwise"),
    flag("-f", "--format", kind="str", metavar="FORMAT", help="Kind of list and manifests: oci or v2s2"),
    INSECURE,
    flag("-p", "--purge", hidden=True, help="As --rm"),
    flag("-q", "--quiet", help="No progress"),
    flag("--remove-signatures", help="Leave signatures out (this store keeps none)"),
    flag("--rm", help="Remove the list from this store when it is pushed"),
)  # fmt: skip
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.images.push import compression_level, encoding
    from skerry.cli.transfers import reporter
    from skerry.engine.images.push import Push

    name, destination = [*args.positional, ""][:2]
    if not name:
        raise Invalid('invalid image name ""')
    if len(args.positional) > 1 and not destination:
        raise Invalid('invalid destination ""')
    forced = args["force_compression"] if args.given("force_compression") else args.given("compression_format")
    options = Push(
        format=args["format"], compression=encoding(args["compression_format"]), level=compression_level(args), force=forced,
        transfer=transfer_of(args), report=reporter(out, quiet=args["quiet"]),
    )  # fmt: skip
    digest = engine.manifests.push(
        name, destination, options, all=args["all"], add_compression=args["add_compression"],
        remove=args["rm"] or args["purge"],
    )  # fmt: skip
    if args["digestfile"]:
        try:
            with open(args["digestfile"], "w", encoding="utf-8") as file:
                file.write(digest)
        except OSError as error:
            raise Invalid(f"open {args['digestfile']}: {error.strerror}") from None
    return 0
