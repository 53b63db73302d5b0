"""``skerry image prune``."""

from __future__ import annotations

from skerry.cli.confirm import confirmed
from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = "Removes images without a name, or with --all every image that no container uses, after asking."
EXAMPLES = (("skerry image prune -af --filter until=168h", "what is unused and older than a week"),)
FLAGS = (
    flag("-a", "--all", help="Every image that no container uses"),
    flag("--build-cache", help="Also what builds keep: steps that no image is made of, folders of cache mounts"),
    flag("--external", help="Also images that only containers of other tools use; none of those is known here"),
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only those that match (until=, label=, label!=)"),
    flag("-f", "--force", help="Do not ask"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    which = "images without at least one container associated to them" if args["all"] else "dangling images"
    if not args["force"] and not confirmed(out, f"WARNING! This command removes all {which}."):
        return 0
    for image_id in engine.images.prune(all=args["all"], filters=args["filter"]):
        out.line(image_id)
    if args["build_cache"]:
        for name in engine.builds.prune().ids:
            out.line(name)
    return 0
