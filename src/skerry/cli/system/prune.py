"""``skerry system prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes, after asking, what nothing uses: containers that do not run, networks without containers, images "
    "without a name; with -a every image that no container has, with --volumes also the volumes that no container "
    "has, with their data. Prints what went and how much room that freed."
)
EXAMPLES = (
    ("skerry system prune", "stopped containers, unused networks, dangling images"),
    ("skerry system prune -af --filter until=168h", "all that is unused and older than a week, without asking"),
    ("skerry system prune -f --volumes", "volumes, too: their data is lost"),
)
FLAGS = (
    flag("-a", "--all", help="Every image that no container has, not only those without a name"),
    flag("--build", help="Also what builds left: nothing, as Skerry's builds clean up after themselves"),
    flag("--external", help="Containers of other tools: Skerry's store has none"),
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only what matches (until=, label=, label!=)"),
    flag("-f", "--force", help="Do not ask"),
    flag("--volumes", help="Also volumes that no container has"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    if not args["force"] and not confirmed(out, warning(all=args["all"], volumes=args["volumes"])):
        return 0
    report = engine.system.prune(all=args["all"], volumes=args["volumes"], filters=args["filter"])
    for title, names in (
        ("Containers", report.containers), ("Volumes", report.volumes), ("Images", report.images),
        ("Networks", report.networks),
    ):  # fmt: skip
        if names:
            out.line(f"Deleted {title}")
        for name in names:
            out.line(name)
    from skerry.engine.units import human_size

    out.line(f"Total reclaimed space: {human_size(report.reclaimed, 4)}")
    return 0


def warning(*, all: bool, volumes: bool) -> str:
    """What is about to go, in Podman's words."""
    lines = [
        "WARNING! This command removes:", "\t- all stopped containers",
        "\t- all networks not used by at least one container",
    ]  # fmt: skip
    if volumes:
        lines.append("\t- all volumes not used by at least one container")
    lines.append(
        "\t- all images without at least one container associated with them" if all else "\t- all dangling images"
    )
    return "\n".join(lines) + "\n"
