"""``skerry cp``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER:]SRC_PATH [CONTAINER:]DEST_PATH"
DESCRIPTION = (
    "Copies files and folders between a container and this host, or between containers, running or not. A folder's "
    "contents are meant by FOLDER/. and a container's relative paths begin in its working directory. - is a tar on "
    "standard input or output. Several sources need a folder as the destination."
)
EXAMPLES = (
    ("skerry cp web:/etc/nginx/nginx.conf .", "a file out of the container web"),
    ("skerry cp site/. web:/usr/share/nginx/html", "what is in the folder site, into it"),
    ("skerry cp 'web:/var/log/*.log' logs/", "several files"),
    ("skerry cp web:/etc - | tar -t", "a folder as a tar"),
)
FLAGS = (
    flag("-a", "--archive", default=True, help="Files belong to the container's user (or, on the host, to you)"),
    flag("--overwrite", help="A folder may be replaced by a file"),
    flag("--pause", hidden=True, help="Podman's, without effect"),
)
MIN_ARGS, MAX_ARGS = 2, None
COMPLETE = "paths-in-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    import sys

    *sources, dest = args.positional
    if "-" in sources and len(sources) > 1:
        raise Invalid("- cannot be one of several sources")
    if dest == "-" and (len(sources) > 1 or out.is_terminal):
        raise Invalid("refusing to write a tar to a terminal" if out.is_terminal else "only one source can go to a tar")
    engine.containers.copy(sources, dest, archive=args["archive"], overwrite=args["overwrite"], stdin=sys.stdin.buffer)
    return 0
