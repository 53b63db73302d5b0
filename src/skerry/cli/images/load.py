"""``skerry load``."""

from __future__ import annotations

import os
import stat
import sys

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import SIGNATURE_POLICY
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Loads images from an archive that save, Podman, Docker, Skopeo or umoci wrote (docker-archive, oci-archive, or "
    "the same as folders; plain, gzip or zstd), read from a file, from an address (http://, https://) or from standard "
    "input."
)
EXAMPLES = (("skerry load -i web.tar", "from a file"), ("zcat web.tar.gz | skerry load", "from a pipe"))
FLAGS = (
    flag(
        "-i", "--input", kind="str", metavar="FILE", complete="files", help="Read from a file, a folder or an address"
    ),
    flag("-q", "--quiet", help="No progress"),
    SIGNATURE_POLICY,
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    source: str | BinaryIO = args["input"]
    if source in ("", "-"):
        if sys.stdin.isatty():
            raise Invalid("cannot read from terminal, use command-line redirection or the --input flag")
        source = sys.stdin.buffer
    if args["quiet"]:
        names = engine.images.load(source, signature_policy=args["signature_policy"])
    else:
        with out.progress("Loading", _size(source)) as bar:
            names = engine.images.load(source, advance=bar.add, signature_policy=args["signature_policy"])
    for name in names:
        out.line(f"Loaded image: {name}")
    return 0


def _size(source: str | BinaryIO) -> int | None:
    """The archive's size; unknown for pipes, folders and what is compressed."""
    try:
        status = os.stat(source if isinstance(source, str) else source.fileno())
    except OSError:
        return None
    compressed = isinstance(source, str) and source.endswith(("gz", "zst", "xz", "bz2"))
    return status.st_size if stat.S_ISREG(status.st_mode) and not compressed else None
