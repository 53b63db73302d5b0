"""``skerry container clone``."""

from __future__ import annotations

from skerry.cli.containers.create_flags import CREATE_FLAGS
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [NAME [IMAGE]]"
DESCRIPTION = (
    "Creates a container like another one, with its command, volumes, ports and limits but for those given here, over a "
    "fresh root file system, and prints its id. Without NAME it is called like the other one with -clone."
)
EXAMPLES = (
    ("skerry container clone web web2", "one like web, to be started later"),
    ("skerry container clone --destroy --force --run --name web web-old", "replace web-old by a new web"),
    ("skerry container clone web web2 nginx:1.27", "the same over another image"),
)
_LIMITS = (
    "blkio-weight", "blkio-weight-device", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares",
    "cpus", "cpuset-cpus", "cpuset-mems", "device-read-bps", "device-write-bps", "memory", "memory-reservation",
    "memory-swap", "memory-swappiness",
)  # fmt: skip
_LIMIT_FLAGS = tuple(it for it in CREATE_FLAGS if it.name in _LIMITS)
FLAGS = (
    *_LIMIT_FLAGS,
    flag("--destroy", help="Remove the other container afterwards"),
    flag("-f", "--force", help="With --destroy: also while it runs"),
    flag("--name", kind="str", metavar="NAME", help="Name the new container"),
    flag("--run", help="Start the new container"),
)
COMPLETE = ("containers", "none", "images", "none")
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    words = args.positional
    if not 1 <= len(words) <= 3:
        raise UsageError(f"accepts between 1 and 3 arg(s), received {len(words)}")
    limits: CreateOptions = {it.key: args[it.key] for it in _LIMIT_FLAGS if args.given(it.key)}  # type: ignore[assignment]
    record = engine.containers.clone(
        words[0], new_name=(words[1] if len(words) > 1 else "") or args["name"], image=words[2] if len(words) > 2 else "",
        limits=limits, destroy=args["destroy"], force=args["force"], run=args["run"],
    )  # fmt: skip
    out.line(record["id"])
    return 0
