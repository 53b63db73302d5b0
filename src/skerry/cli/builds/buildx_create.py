"""``skerry buildx create``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "[options] [ENDPOINT]"
DESCRIPTION = (
    "There is one builder, Skerry itself: no daemon is started and nothing is made. The name that is given is printed, and "
    "--builder takes it, so that scripts for Docker's buildx go on."
)
EXAMPLES = (("skerry buildx create --name ci --use", "what CI scripts say first"),)
FLAGS = (
    flag("--name", kind="str", metavar="NAME", help="The name to print"),
    flag("--driver", kind="str", metavar="DRIVER", choices=("", "docker", "docker-container"), help="docker or docker-container"),
    flag("--platform", kind="slice", metavar="PLATFORM", help="Platforms are those that this host can run"),
    flag("--use", help="The only builder is always used"),
    flag("--bootstrap", help="There is nothing to be started"),
    flag("--buildkitd-flags", kind="str", metavar="FLAGS", hidden=True),
    flag("--driver-opt", kind="list", metavar="KEY=VALUE", hidden=True),
    flag("--config", "--buildkitd-config", kind="str", metavar="FILE", hidden=True),
    flag("--append", hidden=True), flag("--node", kind="str", hidden=True), flag("--leave", hidden=True),
)  # fmt: skip
COMPLETE = "none"
ENGINE = False
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: None, out: Output) -> int:
    for name in ("driver_opt", "config", "append", "node", "leave"):
        if args[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} is not supported: the builder is Skerry itself, which has no daemon"
            )
    if args.positional:
        raise UsageError("a remote builder is not supported: the builder is Skerry itself")
    words = args["buildkitd_flags"].split()
    # What docker/setup-buildx-action says; `build --allow` allows them.
    if any(
        word not in ("--allow-insecure-entitlement", "security.insecure", "network.host", "--debug") for word in words
    ):
        raise UsageError(f"--buildkitd-flags {args['buildkitd_flags']} is not supported: there is no buildkitd")
    out.line(args["name"] or "default")
    return 0
