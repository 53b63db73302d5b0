"""``skerry volume create``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.pairs import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [NAME]"
DESCRIPTION = (
    "Creates a volume, with a random name when none is given, and prints its name. The driver local is a folder, or with "
    "a type or a device what mount(8) mounts; image is an image with a layer of its own; other drivers are the volume "
    "plugins of containers.conf. Volumes that need it are mounted as long as a container uses them."
)
EXAMPLES = (
    ("skerry volume create data", "a volume to be mounted by -v data:/srv"),
    ("skerry volume create -o type=tmpfs -o device=tmpfs -o o=size=64m,uid=1000 scratch", "in memory"),
    ("skerry volume create -o type=nfs -o device=:/export -o o=addr=10.0.0.5,rw shared", "a server's folder"),
    ("skerry volume create -o type=bind -o device=/srv/www www", "a folder of the host under a name"),
    ("skerry volume create -d image -o image=debian tree", "what an image holds, writable"),
)
FLAGS = (
    flag(
        "-d", "--driver", kind="str", metavar="DRIVER", default="local", help="local, image or a volume plugin's name"
    ),
    flag("--gid", kind="uint", metavar="GID", default=-1, help="The group that the volume's folder belongs to"),
    flag("--ignore", help="No error when it exists already"),
    flag("-l", "--label", kind="list", metavar="KEY=VALUE", help="Set a label"),
    flag(
        "-o",
        "--opt",
        kind="list",
        metavar="KEY=VALUE",
        help="An option of the driver: type, device, o, copy, nocopy; image",
    ),
    flag("--uid", kind="uint", metavar="UID", default=-1, help="The user that the volume's folder belongs to"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 1
_WRONG = 'unable to process {}: invalid {} format: "{{}}"'


def run(args: Args, engine: Engine, out: Output) -> int:
    record = engine.volumes.create(
        args.positional[0] if args.positional else "",
        labels=pairs(args["label"], _WRONG.format("labels", "label")), ignore=args["ignore"], driver=args["driver"],
        options=pairs(args["opt"], _WRONG.format("options", "option")), uid=_given(args["uid"]), gid=_given(args["gid"]),
    )  # fmt: skip
    out.line(record["name"])
    return 0


def _given(number: int) -> int | None:
    return number if number >= 0 else None
