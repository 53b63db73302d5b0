"""``skerry top``."""

from __future__ import annotations

from skerry.cli.containers.selection import LATEST, chosen_one

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [DESCRIPTOR... | PS-OPTION...]"
DESCRIPTION = (
    "Shows the processes of a running container. Descriptors choose the columns: args, capamb, capbnd, capeff, capinh, "
    "capprm, comm, etime, group, groups, hgroup, hgroups, hpid, huid, huser, label, nice, pcpu, pgid, pid, ppid, rgroup, rss, "
    "ruser, seccomp, state, stime, time, tty, uid, user, vsz. Other words (-ef, aux) are for the host's ps, which is shown the "
    "container's processes alone; in a container with CAP_SYS_PTRACE they are for its own."
)
EXAMPLES = (
    ("skerry top web", "its processes"),
    ("skerry top web pid seccomp args", "with other columns"),
    ("skerry top web -eo pid,comm", "as ps shows them"),
)
FLAGS = (LATEST,)
MIN_ARGS, MAX_ARGS = 0, None
INTERSPERSED = False
COMPLETE = "running-containers"


def run(args: Args, engine: Engine, out: Output) -> int:
    name, words = chosen_one(args, engine, "you must provide the name or id of a running container")
    rows = engine.containers.top(name, words)
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))] if rows else []
    for row in rows:
        out.line("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0
