"""``skerry __shim …``: a containerd shim behind the command line of an OCI runtime. conmon calls it, not people."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output

USAGE = "--shim PROGRAM --root FOLDER COMMAND"
FLAGS = ()
RAW_ARGS = True
ENGINE = False


def run(args: Args, engine: None, out: Output) -> int:
    from skerry.engine.containers.shim import main

    return main(args.positional)
