"""``skerry completion``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

SHELLS = ("bash", "fish", "zsh")
USAGE = "[options] SHELL"
DESCRIPTION = (
    "Prints the script with which a shell completes Skerry's commands, flags, and the names of containers, images, "
    "networks and volumes. The script says in its first lines how to install it."
)
EXAMPLES = (
    ("source <(skerry completion bash)", "complete in this bash"),
    ("skerry completion zsh -f /usr/share/zsh/site-functions/_skerry", "in every zsh from now on"),
    ("skerry completion fish | source", "complete in this fish"),
)
FLAGS = (
    flag("-f", "--file", kind="str", metavar="FILE", complete="files", help="Write the script to a file"),
    flag("--no-desc", help="Complete without descriptions"),
)
COMPLETE = "shells"
MIN_ARGS, MAX_ARGS = 1, 1
ENGINE = False


def run(args: Args, engine: None, out: Output) -> int:
    script = script_for(args.positional[0])
    if args["no_desc"]:
        script = script.replace(" __complete ", " __completeNoDesc ")
    if args["file"]:
        out.redirect(args["file"])
    out.raw(script.encode())
    return 0


def script_for(shell: str) -> str:
    """The script of a shell."""
    if shell == "bash":
        from skerry.cli.completion.bash import SCRIPT
    elif shell == "fish":
        from skerry.cli.completion.fish import SCRIPT
    elif shell == "zsh":
        from skerry.cli.completion.zsh import SCRIPT
    else:
        raise UsageError(f'invalid argument "{shell}" for "skerry completion"', f"Choose from: {', '.join(SHELLS)}")
    return SCRIPT
