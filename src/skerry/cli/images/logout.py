"""``skerry logout``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.cli.images.registry_flags import COMPAT_AUTH_FILE, LOGIN_FILE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [REGISTRY]"
DESCRIPTION = "Forgets the credentials of a registry, or with --all of all registries."
EXAMPLES = (("skerry logout registry.example.com", "forget one"), ("skerry logout --all", "forget all"))
FLAGS = (flag("-a", "--all", help="Forget the credentials of all registries"), LOGIN_FILE, COMPAT_AUTH_FILE)
COMPLETE = "registries"
MIN_ARGS, MAX_ARGS = 0, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images import login

    place = login.Place(engine.settings, args["authfile"], args["compat_auth_file"])
    if args["all"]:
        if args.positional:
            raise UsageError("--all takes no arguments")
        login.logout_all(place)
        out.line("Removed login credentials for all registries")
        return 0
    registry = (args.positional or [login.default_registry(engine.settings)])[0]
    if login.logout(engine.settings, registry, place):
        out.line(f"Removed login credentials for {registry}")
    else:
        out.line(
            f"Not logged into {registry} with current tool. Existing credentials were established via docker login. "
            "Please use docker logout instead."
        )
    return 0
