"""``skerry container cleanup``: what conmon executes when a container ends."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen, each
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Takes down what stopped containers may still hold: mounts, networks, the runtime's state. Skerry does this by "
    "itself when a container ends; the command is for what a crash left behind. Running containers are left alone."
)
EXAMPLES = (("skerry container cleanup -a", "clean up after all stopped containers"),)
FLAGS = (
    flag("-a", "--all", help="Clean up all containers"),
    flag("--exec", kind="str", metavar="SESSION", help="Clean up after this session of exec instead"),
    LATEST,
    flag("--rm", help="Remove the container afterwards"),
    flag("--rmi", help="Remove its image afterwards"),
)
COMPLETE = "containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["exec"]:
        return _session(args, engine)

    def clean_up(name: str) -> str | None:
        image = engine.containers.find(name)[0]["image_id"] if args["rmi"] else ""
        engine.containers.clean_up(name)
        if args["rm"] and engine.containers.exists(name):
            engine.containers.remove(name)
        if image:
            engine.images.remove([image])
        return name

    return each(chosen(args, engine, missing_is_fine=True), clean_up, out, ignore_missing=True)


def _session(args: Args, engine: Engine) -> int:
    for name in ("all", "rmi"):
        if args[name]:
            first, second = sorted((name, "exec"))
            raise UsageError(f"--{first} and --{second} cannot be set together")
    names = chosen(args, engine)
    if len(names) > 1:
        raise UsageError("cannot use exec option when more than one container is given")
    engine.containers.clean_up_session(names[0], args["exec"])
    return 0
