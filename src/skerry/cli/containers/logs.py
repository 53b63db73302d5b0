"""``skerry logs``."""

from __future__ import annotations

import os

from skerry.cli.containers.log_lines import Printer
from skerry.cli.flags import UsageError, flag
from skerry.engine.containers.logs import read_many

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] CONTAINER [CONTAINER...]"
DESCRIPTION = (
    "Prints what containers wrote to their standard output and standard error, each to our own of the same name. "
    "Times for --since and --until: RFC 3339 (2026-01-31T10:00:00Z), a date, a Unix time, or a duration from now (10m)."
)
EXAMPLES = (
    ("skerry logs -f --tail 20 web", "the last 20 lines, and what comes, until web ends"),
    ("skerry logs --since 10m -t web", "the last ten minutes with times"),
    ("skerry logs --clear web", "empty the log of web, also while it runs"),
)
FLAGS = (
    flag("--clear", help="Throw away what was written so far instead of printing it"),
    flag("--color", help="Give the lines of each container a colour"),
    flag("-f", "--follow", help="Go on until the container ends"),
    flag("-l", "--latest", help="Act on the container that was created last"),
    flag("-n", "--names", help="With several containers, their names instead of their ids before each line"),
    flag("--since", kind="str", metavar="TIME", help="Only what was written since this time"),
    flag("--tail", kind="int", metavar="LINES", default=-1, help="Only the last lines (-1: all)"),
    flag("-t", "--timestamps", help="The time before each line"),
    flag("--until", kind="str", metavar="TIME", help="Only what was written until this time"),
)
COMPLETE = "containers"
MIN_ARGS, MAX_ARGS = 0, None


def run(args: Args, engine: Engine, out: Output) -> int:
    names = list(args.positional)
    if args["latest"]:
        if names:
            raise UsageError("--latest and containers cannot be used together")
        names = [engine.containers.latest()]
    if not names:
        raise UsageError("specify at least one container name or ID to log")
    if args["clear"]:
        return _clear(args, engine, out, names)
    printers = [_printer(engine, name, number, args, several=len(names) > 1) for number, name in enumerate(names)]
    batches = read_many(
        engine, names, follow=args["follow"], since=args["since"], until=args["until"], tail=args["tail"]
    )
    try:
        for number, batch in batches:
            printers[number].print(batch)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has seen enough
    return 0


def _clear(args: Args, engine: Engine, out: Output, names: list[str]) -> int:
    from skerry.cli.containers.selection import each

    others = [key for key in args.all_given() if key not in ("clear", "latest")]
    if others:
        raise UsageError(f"--clear and --{others[0]} cannot be used together")

    def clear(name: str) -> None:
        engine.containers.clear_log(name)

    return each(names, clear, out)


def _printer(engine: Engine, name: str, number: int, args: Args, *, several: bool) -> Printer:
    prefix = ""
    if several:
        record, _ = engine.containers.find(name)
        prefix = f"{record['name'] if args['names'] else record['id'][:12]} "
    return Printer(prefix.encode(), times=args["timestamps"], colour=number if args["color"] else -1)
