"""``skerry run``."""

from __future__ import annotations

import os

from skerry.cli.containers.create_flags import CREATE_FLAGS, create_options
from skerry.cli.flags import flag
from skerry.engine.containers.run import Streams, run_detached
from skerry.engine.containers.run import run as run_attached
from skerry.engine.warm import warm_up
from skerry.errors import Invalid, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE [COMMAND [ARG...]]"
DESCRIPTION = (
    "Runs COMMAND (or the image's own) in a new container. In the foreground, its output and exit code are this "
    "command's; Ctrl-P Ctrl-Q detaches from a terminal. With -d it runs in the background and its id is printed. "
    "Exit code 125: Skerry failed; 126: COMMAND cannot be executed; 127: COMMAND does not exist."
)
EXAMPLES = (
    ("skerry run --rm -it busybox sh", "a shell in a container that is removed afterwards"),
    ("skerry run -d --name web -p 8080:80 nginx", "a web server in the background on port 8080"),
    ("skerry run --rm -v .:/src -w /src busybox wc -l notes.txt", "a program of an image on files of this folder"),
)
FLAGS = (
    *CREATE_FLAGS,
    flag("-d", "--detach", help="Run in the background and print the container's id"),
    flag("-a", "--attach", kind="slice", metavar="STREAM", help="Attach only to stdin, stdout or stderr"),
    flag("--detach-keys", kind="str", metavar="KEYS", default="ctrl-p,ctrl-q", help="Keys that detach; empty: none"),
    flag("--sig-proxy", default=True, help="Pass received signals on to the program"),
    flag("--preserve-fd", kind="slice", metavar="FD", help="Pass this descriptor to the program"),
    flag("--preserve-fds", kind="uint", metavar="N", help="Pass N more descriptors (3 and up) to the program"),
)
COMPLETE = "images"
INTERSPERSED = False
MIN_ARGS, MAX_ARGS = 1, None


def run(args: Args, engine: Engine, out: Output) -> int:
    warm_up()
    if args["rmi"] and args.given("rm") and not args["rm"]:
        raise Invalid("the --rmi option does not work without --rm")
    options = create_options(args, out)
    if args["tty"] and args["interactive"] and not args["detach"] and not os.isatty(0):
        out.warn("The input device is not a TTY. The --tty and --interactive flags might not work properly")
    for key in ("preserve_fds", "preserve_fd"):
        if args[key]:
            options[key] = args[key]  # type: ignore[literal-required]
    passthrough = (args["log_driver"] or "").startswith("passthrough")
    if passthrough and args["attach"]:
        raise Invalid("cannot specify --attach with --log-driver=passthrough: invalid argument")
    if args["detach"]:
        streams(args)  # which says what is none: as Podman, detached all the same
        record = run_detached(engine, options)
        if not passthrough:  # stdout is the program's
            out.line(record["id"])
        return 0
    chosen = streams(args)
    unseen = chosen.stdout is None and chosen.stderr is None  # nothing of it will be seen here: say at least its id
    code = run_attached(engine, options, chosen, created=(lambda record: out.line(record["id"])) if unseen else None)
    if args["rmi"]:
        _remove_image(engine, args.positional[0], out)
    return code


def _remove_image(engine: Engine, name: str, out: Output) -> None:
    """Its container's end did it, unless others use the image: that is worth a word."""
    try:
        engine.images.remove([name])
    except NotFound:
        pass
    except SkerryError as error:
        out.warn(f"Failed to remove image: {error}")


def streams(args: Args) -> Streams:
    """Which of our descriptors the container's stdio goes to."""
    attached = [name.lower() for name in args["attach"]] or ["stdout", "stderr"]
    for name in attached:
        if name not in ("stdin", "stdout", "stderr"):
            raise Invalid(
                f'invalid stream "{name}" for --attach - must be one of stdin, stdout, or stderr: invalid argument'
            )
    return Streams(
        0 if args["interactive"] or "stdin" in attached else None,
        1 if "stdout" in attached else None,
        2 if "stderr" in attached else None,
        sig_proxy=args["sig_proxy"],
        detach_keys=args["detach_keys"] if args.given("detach_keys") else None,
    )
