"""``skerry import``."""

from __future__ import annotations

import sys

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import SIGNATURE_POLICY
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] FILE|- [IMAGE]"
DESCRIPTION = (
    "Makes an image of one layer from a root file system's tar (plain, gzip or zstd; from a file, standard input or "
    "an http(s) address), such as export writes. Prints the image's ID."
)
EXAMPLES = (
    ("skerry export web | skerry import - web:flat", "a container without its history"),
    ("skerry import -c 'CMD [\"/bin/sh\"]' rootfs.tar.gz mybase", "with a command"),
)
FLAGS = (
    flag("--arch", kind="str", metavar="ARCH", help="The architecture to record"),
    flag("-c", "--change", kind="list", metavar="INSTRUCTION", help=(
        "Apply an instruction of a Containerfile: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, ONBUILD, STOPSIGNAL, USER, "
        "VOLUME or WORKDIR"
    )),
    flag("-m", "--message", kind="str", metavar="TEXT", help="A comment"),
    flag("--os", kind="str", metavar="OS", help="The operating system to record"),
    flag("-q", "--quiet", help="No progress"),
    SIGNATURE_POLICY,
    flag("--variant", kind="str", metavar="VARIANT", help="The architecture's variant to record"),
)  # fmt: skip
COMPLETE = ("files", "images")
MIN_ARGS, MAX_ARGS = 1, 2


def run(args: Args, engine: Engine, out: Output) -> int:
    source = args.positional[0]
    if source == "-" and sys.stdin.isatty():
        raise Invalid("cannot read from terminal, use command-line redirection")
    if args["signature_policy"]:
        from skerry.config import policy

        policy.load(args["signature_policy"])  # it must be one; a tar has no signatures
    record = engine.images.import_tar(
        sys.stdin.buffer if source == "-" else source,
        args.positional[1] if len(args.positional) > 1 else "",
        changes=args["change"], message=args["message"], os_name=args["os"], architecture=args["arch"],
        variant=args["variant"], **({} if args["quiet"] else {"tell": out.plain_error}),
    )  # fmt: skip
    out.line(f"sha256:{record['id']}")
    return 0
