"""``skerry push``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import DISABLE_CONTENT_TRUST, REGISTRY_FLAGS, SIGNATURE_POLICY, transfer
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [DESTINATION]"
DESCRIPTION = (
    "Copies an image to a registry, under its own name or as DESTINATION. Layers that are there already are not sent "
    "again. An image as it was pulled keeps its digest; layers that were built or loaded are compressed once. "
    "DESTINATION may also be an archive or a folder: docker-archive:FILE[:NAME], oci-archive:FILE[:NAME], "
    "oci:FOLDER[:NAME], dir:FOLDER; or containers-storage:NAME, another name in this store."
)
EXAMPLES = (
    ("skerry push registry.example.com/team/web:1.2", "under its own name"),
    ("skerry push --compression-format zstd web docker://registry.example.com/team/web", "with smaller layers"),
    ("skerry push web oci:/srv/images:web", "into a folder in OCI's layout"),
)
FLAGS = (
    *REGISTRY_FLAGS,
    flag("--compression-format", kind="str", choices=("gzip", "zstd", "zstd:chunked"),
         help="Compress layers by gzip or zstd; those that are compressed otherwise, again (zstd:chunked means zstd): the "
         "compression format to use"),
    flag("--compression-level", kind="int", help="0 to 9 for gzip, 1 to 22 for zstd: the compression level to use"),
    flag("--compress", help="Compress the layers of an image that is pushed to a folder (dir:)"),
    flag("--force-compression", help="Compress again what is compressed otherwise"),
    flag("--digestfile", kind="str", metavar="FILE", complete="files", help="Write the digest of the manifest to a file"),
    flag("-f", "--format", kind="str", metavar="FORMAT", choices=("oci", "v2s2", "docker"),
         help="Kind of the manifest: oci or v2s2 (docker); the image's own by default"),
    DISABLE_CONTENT_TRUST,
    flag("-q", "--quiet", help="No progress"),
    SIGNATURE_POLICY,
    flag("--remove-signatures", help="Leave signatures out (this store keeps none)"),
)  # fmt: skip
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.transfers import reporter
    from skerry.engine.images.push import Push

    forced = args["force_compression"] if args.given("force_compression") else args.given("compression_format")
    options = Push(
        format=args["format"],
        compression=encoding(args["compression_format"]),
        level=compression_level(args),
        force=forced,
        compress=args["compress"],
        transfer=transfer(args),
        report=reporter(out, quiet=args["quiet"]),
    )
    digest = engine.images.push(args.positional[0], (args.positional[1:] or [""])[0], options)
    if args["digestfile"]:
        try:
            with open(args["digestfile"], "w", encoding="utf-8") as file:
                file.write(digest)
        except OSError as error:
            raise Invalid(f"--digestfile {args['digestfile']}: {error.strerror}") from None
    return 0


def encoding(text: str) -> str:
    """What --compression-format asks for. A list of chunks is not written: every reader of zstd:chunked takes zstd."""
    return text.removesuffix(":chunked")


def compression_level(args: Args) -> int | None:
    """What --compression-level asks for; None when nobody did."""
    if not args.given("compression_level"):
        return None
    level = int(args["compression_level"])
    if encoding(args["compression_format"]) == "zstd":
        return min(max(level, 1), 22)  # Podman takes any number, too
    if not 0 <= level <= 9:
        raise Invalid(f"writing blob: happened during read: gzip: invalid compression level: {level}")
    return level
