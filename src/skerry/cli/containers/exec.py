"""``skerry exec``."""

from __future__ import annotations

from skerry.cli.containers.selection import CIDFILE, chosen_one
from skerry.cli.flags import UsageError, flag
from skerry.engine.containers.exec import exec_detached, exec_run
from skerry.engine.containers.streams import Streams
from skerry.engine.warm import warm_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER COMMAND [ARG...]"
DESCRIPTION = (
    "Runs COMMAND in a running container and ends with its exit code. Code 126: COMMAND cannot be executed; 127: it "
    "does not exist; 125 or 255: it was not tried. Signals that this command receives are passed on to COMMAND."
)
EXAMPLES = (
    ("skerry exec -it web sh", "a shell in the container web"),
    ("skerry exec -u www-data -w /srv web ls", "as another user, in another folder"),
    ("tar c src | skerry exec -i web tar x -C /srv", "feed a program from a pipe"),
)
FLAGS = (
    CIDFILE,
    flag("-d", "--detach", help="Run in the background and print the session's id"),
    flag("--detach-keys", kind="str", metavar="KEYS", default="ctrl-p,ctrl-q", help="Keys that detach; empty: none"),
    flag("-e", "--env", kind="list", metavar="NAME=VALUE", help="Set an environment variable"),
    flag("--env-file", kind="list", metavar="FILE", complete="files", help="Read environment variables from a file"),
    flag("-i", "--interactive", help="Pass standard input on"),
    flag("-l", "--latest", help="Act on the container that was created last"),
    flag("--no-session", help="Keep no record of the session; one on a terminal is known while it runs"),
    flag("--preserve-fd", kind="slice", metavar="FD", help="Pass this descriptor to the program"),
    flag("--preserve-fds", kind="uint", metavar="N", help="Pass N more descriptors (3 and up) to the program"),
    flag("--privileged", help="Give the program all capabilities, without confinement"),
    flag("-t", "--tty", help="Give the program a terminal"),
    flag("-u", "--user", kind="str", metavar="USER[:GROUP]", help="Run as this user"),
    flag("--wait", kind="int", metavar="SECONDS", help="Wait so long for the container to run", hidden=True),
    flag("-w", "--workdir", kind="str", metavar="DIR", help="Run in this folder of the container"),
)
COMPLETE = "running-containers"
INTERSPERSED = False
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["no_session"] and (args["detach"] or args.given("detach_keys")):
        raise UsageError("--no-session cannot be used with --detach or --detach-keys")
    warm_up()
    name, command = chosen_one(
        args, engine, "exec requires the name or ID of a container or the --latest or --cidfile flag"
    )
    if args["latest"] and args.given("cidfile"):
        raise UsageError("--latest and --cidfile can not be used together")
    if args.given("wait"):
        from skerry.engine.containers.wait import wait_until_running

        wait_until_running(engine, name, args["wait"])
    options = {
        key: args[key]
        for key in (
            "env",
            "env_file",
            "user",
            "workdir",
            "privileged",
            "tty",
            "preserve_fds",
            "preserve_fd",
            "no_session",
        )
        if args[key]
    }
    if engine.settings.conf["containers"]["privileged"] and not args.given("privileged"):
        options["privileged"] = True
    if args["detach"]:
        out.line(exec_detached(engine, name, command, stdin=args["interactive"], **options))
        return 0
    streams = Streams(
        0 if args["interactive"] else None, detach_keys=args["detach_keys"] if args.given("detach_keys") else None
    )
    return exec_run(engine, name, command, streams, **options)
