"""``skerry system supervisor``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Shows the process that runs health checks on time and starts containers again after a while: whether it runs, and "
    "the containers that need it. It starts by itself when one does, and ends when none does."
)
EXAMPLES = (
    ("skerry system supervisor", "whom it looks after"),
    ("skerry system supervisor --log 20", "the last things that it did"),
)
FLAGS = (
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("--log", kind="uint", metavar="N", help="Show the last N lines of its log"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0
_TABLE = "table {{.ID}}\t{{.Name}}\t{{.State}}\t{{.Health}}\t{{.Why}}"


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.supervisor.status import log_lines, status

    if args["log"]:
        for line in log_lines(engine, args["log"]):
            out.line(line)
        return 0
    found = status(engine)
    if args["format"]:
        out.inspect([found], "" if args["format"] == "json" else args["format"])
        return 0
    if found["Running"]:
        out.line(f"running: pid {found['Pid']}, {found['MemoryBytes'] / 1e6:.1f} MB")
    else:
        out.line("not running: no container needs it")
    rows = [{**each, "ID": each["Id"][:12]} for each in found["Containers"]]
    if rows:
        out.listing(rows, format="", default=_TABLE, headers={"ID": "CONTAINER ID"})
    return 0
