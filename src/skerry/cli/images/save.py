"""``skerry save``."""

from __future__ import annotations

import os
import sys

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.local import refuse_transport
from skerry.cli.images.registry_flags import SIGNATURE_POLICY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [IMAGE...]"
DESCRIPTION = (
    "Writes an image, under one or more of its names, to an archive or folder that load, Podman, Docker and Skopeo "
    "read: docker-archive (one tar for all), oci-archive, oci-dir or docker-dir. Without --output to standard output."
)
EXAMPLES = (
    ("skerry save -o web.tar web", "one image"),
    ("skerry save -m web db | ssh host skerry load", "two images, to another host"),
)
FLAGS = (
    flag("--compress", help="Compress the layers (formats of folders)"),
    flag(
        "--format", kind="str", default="docker-archive", metavar="FORMAT",
        choices=("docker-archive", "oci-archive", "oci-dir", "docker-dir"),
        help="docker-archive, oci-archive, oci-dir or docker-dir",
    ),
    flag("-m", "--multi-image-archive", help="Save several images; each argument is one"),
    flag("-o", "--output", kind="str", metavar="FILE", complete="files", help="Write to a file, not to stdout"),
    flag("-q", "--quiet", help="No progress"),
    SIGNATURE_POLICY,
    flag("--uncompressed", help="Do not compress layers in an oci-archive"),
)  # fmt: skip
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    refuse_transport(args.positional[0])
    if args["compress"] and args["uncompressed"]:
        raise UsageError("--compress and --uncompressed flags cannot be used together")
    if args["compress"] and args["format"] != "docker-dir":
        raise UsageError("--compress can only be set when --format is 'docker-dir'")
    if not args["output"] and args["format"].endswith("-dir"):
        raise UsageError("a folder to write to is needed: --output")
    if not args["output"] and out.is_terminal:
        raise UsageError("refusing to save to terminal. Use -o flag or redirect")
    if args["signature_policy"]:
        from skerry.config import policy

        policy.load(args["signature_policy"])  # it must be one; what is in this store is accepted
    target = args["output"] or open(os.dup(1), "wb")
    if args["output"] and ":" in args["output"]:
        raise UsageError(f"invalid filename (should not contain ':') \"{args['output']}\"")
    sys.stdout.flush()
    total = None
    if args["format"] == "docker-archive" and not args["quiet"]:
        total = sum({image["id"]: image["size"] for image in map(engine.images.resolve, args.positional)}.values())
    with out.progress("Saving", total) as bar:
        engine.images.save(
            args.positional, target, format=args["format"], compress=args["compress"],
            uncompressed=args["uncompressed"], multi=args["multi_image_archive"], advance=None if args["quiet"] else bar.add,
        )  # fmt: skip
    return 0
