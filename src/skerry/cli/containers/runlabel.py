"""``skerry container runlabel``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import AUTHFILE, CERT_DIR, CREDS, SIGNATURE_POLICY, TLS_VERIFY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] LABEL IMAGE [ARG...]"
DESCRIPTION = (
    "Executes, on this host, the command that a label of the image describes: how its maker means it to be run or "
    "installed. Where that command is podman, it is Skerry, on this store. Look first, with --display: an image from a "
    "stranger is a stranger's command."
)
EXAMPLES = (
    ("skerry container runlabel --display run app", "what the label run of app would do"),
    ("skerry container runlabel --name web run app -p 8080:80", "do it, with more words at the end"),
)
FLAGS = (
    flag("--display", help="Show the command, and do nothing"),
    flag("-n", "--name", kind="str", metavar="NAME", help="What NAME in the label stands for: the container's name"),
    flag("--replace", help="Remove a container of the name that the command gives first"),
    flag("-q", "--quiet", help="The command sees and shows nothing"),
    AUTHFILE, CERT_DIR, CREDS, TLS_VERIFY, SIGNATURE_POLICY,
    flag("-p", "--pull", default=True, hidden=True),
    *(flag(f"--opt{number}", kind="str", hidden=True) for number in (1, 2, 3)),
)  # fmt: skip
COMPLETE = ("none", "images", "files")
MIN_ARGS, MAX_ARGS = 2, None
INTERSPERSED = False


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.cli.images.registry_flags import transfer
    from skerry.cli.transfers import reporter
    from skerry.config.launcher import launcher
    from skerry.engine.containers.runlabel import command_of, execute, label_of
    from skerry.engine.images.pull import Pull, pull

    label, asked, *more = args.positional
    policy = "missing" if args["pull"] else "never"
    image = pull(engine, asked, Pull(policy=policy, transfer=transfer(args), report=reporter(out, quiet=args["quiet"])))
    options = {f"OPT{number}": args[f"opt{number}"] or "" for number in (1, 2, 3)}
    text = label_of(image, label, asked)
    words, ours = command_of(text, image, asked, name=args["name"] or "", args=more, options=options)
    if args["display"]:
        out.line("command: " + " ".join([*launcher()[:1], *words[1:]] if ours else words))
        return 0
    return execute(engine, words, ours, options=options, replace=args["replace"], quiet=args["quiet"])
