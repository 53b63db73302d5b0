"""``skerry system prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.builds.types import Pruned
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Removes, after asking, what nothing uses: containers that do not run, networks without containers, images "
    "without a name, and steps of builds that no image is made of; with -a every image that no container has, and all "
    "that is known of steps; with --volumes also the volumes that no container has, with their data. Prints what went "
    "and how much room that freed."
)
EXAMPLES = (
    ("skerry system prune", "stopped containers, unused networks, dangling images and build cache"),
    ("skerry system prune -af --filter until=168h", "all that is unused and older than a week, without asking"),
    ("skerry system prune -f --volumes", "volumes, too: their data is lost"),
)
FLAGS = (
    flag("-a", "--all", help="Every image that no container has, not only those without a name"),
    flag("--build", help="Also what the cache mounts of builds keep"),
    flag("--external", help="Only containers of other tools, of which Skerry's store has none"),
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only what matches (until=, label=, label!=)"),
    flag("-f", "--force", help="Do not ask"),
    flag("--volumes", help="Also volumes that no container has"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["external"]:
        if args["all"] or args["volumes"] or args["build"] or args["filter"]:
            raise UsageError("system prune --external cannot be combined with other options")
        return 0  # what this store's own commands left was swept when they began
    asked = warning(all=args["all"], volumes=args["volumes"], build=args["build"])
    if not args["force"] and not confirmed(out, asked):
        return 0
    report = engine.system.prune(all=args["all"], volumes=args["volumes"], filters=args["filter"])
    pruned = _prune_cache(engine, all=args["all"], build=args["build"], filters=args["filter"])
    for title, names in (
        ("Containers", report.containers), ("Volumes", report.volumes), ("Images", report.images),
        ("Networks", report.networks),
    ):  # fmt: skip
        if names:
            out.line(f"Deleted {title}")
        for name in names:
            out.line(name)
    if pruned is not None and pruned.ids:
        out.line("Deleted build cache objects")
        for name in pruned.ids:
            out.line(name)
    from skerry.engine.units import human_size

    freed = report.reclaimed + (pruned.freed_bytes if pruned is not None else 0)
    out.line(f"Total reclaimed space: {human_size(freed, 4)}")
    return 0


def _prune_cache(engine: Engine, *, all: bool, build: bool, filters: list[str]) -> Pruned | None:
    if any(not item.startswith("until=") for item in filters):
        return None  # what builds keep has no labels
    return engine.builds.prune(all=all, filters=filters, layers_only=not build)


def warning(*, all: bool, volumes: bool, build: bool = False) -> str:
    """What is about to go, in Podman's words."""
    lines = [
        "WARNING! This command removes:", "\t- all stopped containers",
        "\t- all networks not used by at least one container",
    ]  # fmt: skip
    if volumes:
        lines.append("\t- all volumes not used by at least one container")
    if build:
        lines.append("\t- all build containers, and what cache mounts keep")
    lines.append(
        "\t- all images without at least one container associated with them" if all else "\t- all dangling images"
    )
    lines.append("\t- all build cache" if all else "\t- all dangling build cache")
    return "\n".join(lines) + "\n"
