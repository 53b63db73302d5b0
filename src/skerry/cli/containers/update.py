"""``skerry update``."""

from __future__ import annotations

from skerry.cli.containers.create_flags import CREATE_FLAGS
from skerry.cli.containers.selection import LATEST
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.containers.options.types import UpdateOptions
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER"
DESCRIPTION = (
    "Changes a container that exists, all or nothing. A running one has new limits, ports and a new health check at once; "
    "a new environment and ulimits hold from its next start on (programs of 'skerry exec' have the environment at once). "
    "What is given replaces what was, limits of devices one by one."
)
EXAMPLES = (
    ("skerry update --memory 512m --cpus 1.5 web", "other limits for the running container web"),
    (
        "skerry update --publish-add 8443:443 --publish-rm 8080:80 web",
        "publish a port of a running container, hide one",
    ),
    ("skerry update --restart on-failure:5 web", "another restart policy"),
)
_SHARED = (
    "blkio-weight", "blkio-weight-device", "cpu-period", "cpu-quota", "cpu-rt-period", "cpu-rt-runtime", "cpu-shares",
    "cpus", "cpuset-cpus", "cpuset-mems", "device-read-bps", "device-read-iops", "device-write-bps",
    "device-write-iops", "env", "memory", "memory-reservation", "memory-swap", "memory-swappiness", "no-healthcheck",
    "pids-limit", "restart", "ulimit", "unsetenv",
)  # fmt: skip
_CHANGES = tuple(it for it in CREATE_FLAGS if it.name in _SHARED or it.name.startswith("health-"))
FLAGS = (
    *_CHANGES,
    LATEST,
    flag("--publish-add", kind="list", metavar="[[IP:]HOST:]PORT[/PROTOCOL]", help="Publish more ports to the host"),
    flag("--publish-rm", kind="list", metavar="[HOST:]PORT[/PROTOCOL]", help="Publish ports no longer"),
)
_OPTIONS = tuple(it.key for it in FLAGS if it is not LATEST)
COMPLETE = ("containers", "none")
MIN_ARGS = 0


def run(args: Args, engine: Engine, out: Output) -> int:
    name = _container(args, engine, out.command)
    options: UpdateOptions = {key: args[key] for key in _OPTIONS if args.given(key)}  # type: ignore[assignment]
    out.line(engine.containers.update(name, options))
    return 0


def _container(args: Args, engine: Engine, command: str) -> str:
    if len(args.positional) > 1:
        raise UsageError(f"`skerry {command}` accepts at most one argument")
    if args["latest"]:
        if args.positional:
            raise UsageError("--latest and containers cannot be used together")
        return engine.containers.latest()
    if not args.positional:
        raise UsageError(f'"skerry {command}" requires a name, id, or the "--latest" flag')
    return args.positional[0]
