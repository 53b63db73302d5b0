"""``skerry stats``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from skerry.cli.containers.selection import LATEST
from skerry.cli.flags import UsageError, flag
from skerry.engine.units import human_size

if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [CONTAINER...]"
DESCRIPTION = (
    "Shows what containers use: processor, memory, network, disk, processes, anew every few seconds until Ctrl-C. "
    "Without names all that run."
)
EXAMPLES = (
    ("skerry stats", "all running containers, as they change"),
    ("skerry stats --no-stream --format '{{.Name}} {{.MemUsage}}' web", "once, in a form of your own"),
)
FLAGS = (
    flag("-a", "--all", help="Also containers that do not run"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, table … or json"),
    flag("-i", "--interval", kind="int", default=5, metavar="SECONDS", help="How often"),
    LATEST,
    flag("--no-reset", help="Do not clear the screen in between"),
    flag("--no-stream", help="Once"),
    flag("--no-trunc", help="Whole ids"),
)
COMPLETE = "running-containers"
_TABLE = (
    "table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDS}}\t"
    "{{.UpTime}}\t{{.AVGCPU}}"
)
_HEADERS = {
    "ID": "ID", "CPUPerc": "CPU %", "MemUsage": "MEM USAGE / LIMIT", "MemUsageBytes": "MEM USAGE / LIMIT",
    "MemPerc": "MEM %", "NetIO": "NET IO", "BlockIO": "BLOCK IO", "PIDS": "PIDS", "UpTime": "CPU TIME",
    "AVGCPU": "AVG CPU %",
}  # fmt: skip


def run(args: Args, engine: Engine, out: Output) -> int:
    if sum((args["all"], args["latest"], bool(args.positional))) > 1:
        raise UsageError("--all, --latest and containers cannot be used together")
    if args["interval"] < 1:
        raise UsageError("invalid interval, must be a positive number greater zero")
    names = [engine.containers.latest()] if args["latest"] else list(args.positional)
    before: dict[str, dict[str, Any]] = {}
    while True:
        rows = engine.containers.stats(names, all=args["all"])
        if not args["no_stream"] and out.is_terminal and not args["no_reset"] and args["format"] != "json":
            out.raw(b"\033[2J\033[H")
        shown = [_shown(row, before.get(row["id"]), whole=args["no_trunc"]) for row in rows]
        out.listing(
            shown, format=args["format"], default=_TABLE, headers=_HEADERS, json_rows=[_json(row) for row in shown]
        )
        if args["no_stream"]:
            return 0
        before = {row["id"]: row for row in rows}
        time.sleep(args["interval"])


def _shown(row: dict[str, Any], before: dict[str, Any] | None, *, whole: bool) -> dict[str, Any]:
    from skerry.engine.containers.stats import compared

    stats = compared(row, before)
    short = stats["ContainerID"] if whole else stats["ContainerID"][:12]
    cpu, average = f"{stats['CPU']:.2f}%", f"{stats['AvgCPU']:.2f}%"
    binary = f"{_binary(stats['MemUsage'])} / {_binary(stats['MemLimit'])}"
    return {
        **stats, "ID": short, "CPUPerc": cpu, "CPU": cpu, "AVGCPU": average,
        "MemUsage": f"{human_size(stats['MemUsage'], 4)} / {human_size(stats['MemLimit'], 4)}", "MemUsageBytes": binary,
        "MemPerc": f"{stats['MemPerc']:.2f}%",
        "NetIO": f"{human_size(stats['NetInput'], 4)} / {human_size(stats['NetOutput'], 4)}",
        "BlockIO": f"{human_size(stats['BlockInput'], 4)} / {human_size(stats['BlockOutput'], 4)}",
        "PIDS": str(stats["PIDs"]), "UpTime": stats["UpTimeText"], "Up": stats["UpTimeText"],
        "Duration": stats["UpTimeText"],
        "ContainerStats": stats,
    }  # fmt: skip


def _binary(size: float) -> str:
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            return f"{size:.4g}{unit}"
        size /= 1024
    raise AssertionError


def _json(row: dict[str, Any]) -> dict[str, str]:
    return {
        "id": row["ID"], "name": row["Name"], "cpu_time": row["UpTime"], "cpu_percent": row["CPUPerc"],
        "avg_cpu": row["AVGCPU"], "mem_usage": row["MemUsage"], "mem_percent": row["MemPerc"], "net_io": row["NetIO"],
        "block_io": row["BlockIO"], "pids": row["PIDS"],
    }  # fmt: skip
