"""``skerry doctor``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Looks at the kernel, control groups, programs, subordinate ids, network, the store's file system and the "
    "configuration. One line each: what was found, and where something is missing, what stops working without it and "
    "the command that mends it. The exit code is 0 when a container with a published port will run here, else 1. "
    "Nothing is changed."
)
EXAMPLES = (
    ("skerry doctor", "everything"),
    ("skerry doctor --quiet", "only what is missing"),
    ("skerry doctor --json", "for programs"),
)
FLAGS = (flag("--json", help="Print a JSON array"), flag("-q", "--quiet", help="Print only what is missing"))
MIN_ARGS, MAX_ARGS = 0, 0
COMPLETE = "none"
# The user namespace is one of the things to look at: it must not be needed to look.
NAMESPACE = False


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.doctor import OK, examine, will_work

    findings = examine(engine.settings)
    shown = [finding for finding in findings if finding.status != OK or not args["quiet"]]
    if args["json"]:
        out.json([finding.as_dict() for finding in shown])
    else:
        for finding in shown:
            out.line(f"{finding.status:<5}{finding.area + ':':<15}{finding}")
    return 0 if will_work(findings) else 1
