"""``skerry ps``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag
from skerry.engine.containers import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Lists the containers that run, or with -a all of them, oldest first. Filters: ancestor, annotation, annotation!, "
    "before, command, exited, health, id, label, label!, name, network, pod, restart-policy, should-start-on-boot, "
    "since, status, until, volume."
)
EXAMPLES = (
    ("skerry ps -a", "all containers, stopped ones too"),
    ("skerry ps --format '{{.Names}}: {{.Status}}'", "chosen columns"),
    ("skerry ps -aq --filter status=exited", "ids of those that ended"),
)
FLAGS = (
    flag("-a", "--all", help="Show all containers, not only those that run"),
    flag("--external", help="Show containers of other tools, too: Skerry's store has none"),
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("-n", "--last", kind="int", metavar="N", help="The N that were created last, whatever their state"),
    flag("-l", "--latest", help="The one that was created last, whatever its state"),
    flag("--no-trunc", help="Do not shorten ids and commands"),
    flag("--noheading", help="No headings"),
    flag("--ns", "--namespace", help="Show the namespaces of their processes"),
    flag("-p", "--pod", help="Show the pods that they are in"),
    flag("-q", "--quiet", help="Only ids"),
    flag("-s", "--size", help="Show sizes"),
    flag("--sort", kind="str", metavar="KEY", choices=listing.SORTS, help="Order"),
    flag("--sync", help="Look at the runtime's state: always done"),
    flag("-w", "--watch", kind="uint", metavar="SECONDS", help="Show again every so many seconds"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0
_TABLE = "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.CreatedHuman}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
_NAMESPACES = "table {{.ID}}\t{{.Names}}\t{{.Pid}}\t{{.CGROUPNS}}\t{{.IPC}}\t{{.MNT}}\t{{.NET}}\t{{.PIDNS}}\t{{.USERNS}}\t{{.UTS}}"
_HEADERS = {
    "ID": "CONTAINER ID", "CreatedHuman": "CREATED", "ImageID": "IMAGE ID", "PodName": "PODNAME", "Pod": "POD ID",
    "Cgroup": "CGROUPNS", "Namespaces.Cgroup": "CGROUPNS", "User": "USERNS", "Namespaces.User": "USERNS",
}  # fmt: skip


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["latest"] and args.given("last"):
        raise UsageError("last and latest are mutually exclusive")
    if args["quiet"] and (args["size"] or args["ns"]):
        raise UsageError("quiet conflicts with size and namespace")
    if args["size"] and args["ns"]:
        raise UsageError("size and namespace options conflict")
    for key in (it.partition("=")[0] for it in args["filter"] if args["external"]):
        if key.startswith("annotation"):
            raise UsageError(f"filter {key} is not applicable for external containers")
    if args["watch"] and args["latest"]:
        raise UsageError("the watch and latest flags cannot be used together")
    if not args["watch"]:
        return show(args, engine, out)
    import time

    while True:
        out.raw(b"\x1b[H\x1b[2J" if out.is_terminal else b"")
        show(args, engine, out)
        time.sleep(args["watch"])


def show(args: Args, engine: Engine, out: Output) -> int:
    """One listing."""
    last = 1 if args["latest"] else args["last"]
    pairs = listing.select(engine, all=args["all"], filters=args["filter"], last=last)
    pairs = listing.sorted_pairs(engine, pairs, args["sort"])
    json_rows = None
    if "json" in args["format"]:
        json_rows = [listing.json_row(engine, *pair, size=args["size"], ns=args["ns"]) for pair in pairs]
    truncate = not args["no_trunc"]
    table = _NAMESPACES if args["ns"] else _TABLE + "\t{{.Size}}" if args["size"] else _TABLE
    if args["pod"]:
        table += "\t{{.Pod}}\t{{.PodName}}"
    rows = [listing.table_row(engine, record, state, truncate=truncate) for record, state in pairs]
    if not args["size"]:
        for row in rows:
            row["Size"] = lambda: _no_size(out)
    out.listing(
        rows, format=args["format"], default=table, headers=_HEADERS, json_rows=json_rows,
        noheading=args["noheading"], quiet_field="ID" if args["quiet"] and not args["format"] else None,
    )  # fmt: skip
    return 0


def _no_size(out: Output) -> str:
    """Sizes are not computed unless they are asked for."""
    out.log(2, "Size format requires --size option")
    return ""
