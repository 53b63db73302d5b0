"""``skerry system migrate``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Stops all containers, so that changed subordinate ids (/etc/subuid, /etc/subgid) count for a user from the next "
    "command on, and optionally gives them another OCI runtime."
)
EXAMPLES = (
    ("skerry system migrate", "after usermod --add-subuids"),
    ("skerry system migrate --new-runtime crun", "containers that were made for runc run with crun"),
)
FLAGS = (
    flag("--migrate-db", hidden=True),  # of Podman's BoltDB, which has never been here
    flag("--new-runtime", kind="str", metavar="NAME", help="Give all containers this OCI runtime"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    for container_id in engine.system.migrate(args["new_runtime"]):
        out.plain_error(f"stopped {container_id}")
    return 0
