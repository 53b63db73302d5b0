"""``skerry builder du``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.engine import times
from skerry.engine.units import human_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.builds.types import CacheRow
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Shows what builds keep so that the next one is fast: the layers of steps, and cache mounts; how much room each "
    "takes, when it was used last, and whether removing it would free that (a step that an image is made of frees "
    "nothing). Reclaimable is what `skerry builder prune` removes."
)
EXAMPLES = (
    ("skerry builder du", "each step and cache mount, the last used first"),
    ("skerry builder du --filter type=mount", "cache mounts alone"),
    ("skerry builder du --filter unused-for=168h", "what was not used for a week"),
)
FLAGS = (
    flag("--filter", kind="list", metavar="KEY=VALUE", help="Only what matches (id=, type=, unused-for=, inuse, shared, private, description=)"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template for each line, or json"),
    flag("--verbose", help="Several lines for each"),
)  # fmt: skip
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0
_TABLE = "table {{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastAccessed}}"
_HEADERS = {"LastAccessed": "LAST ACCESSED"}
_TYPES = {"step": "regular", "mount": "exec.cachemount", "staging": "source.local"}


def run(args: Args, engine: Engine, out: Output) -> int:
    rows = engine.builds.du(args["filter"])
    if args["verbose"]:
        for row in rows:
            for key, value in _row(row).items():
                out.line(f"{key}:\t{value}")
            out.line("")
    else:
        shown = [_row(row) for row in rows]
        out.listing(shown, format=args["format"], default=_TABLE, headers=_HEADERS, json_rows=shown)
    if args["format"]:
        return 0
    free = sum(row.size for row in rows if row.reclaimable)
    shared = sum(row.size for row in rows if row.shared)
    total = sum(row.size for row in rows)
    for name, size in (("Shared", shared), ("Private", total - shared), ("Reclaimable", free), ("Total", total)):
        out.line(f"{name}:\t{human_size(size, 4)}")
    return 0


def _row(row: CacheRow) -> dict[str, Any]:
    return {
        "ID": row.id.removeprefix("sha256:")[:25] if row.kind == "step" else row.id,
        "Parents": ", ".join(row.parents),
        "CreatedAt": times.rfc3339(row.created_ns),
        "Reclaimable": "true" if row.reclaimable else "false",
        "Shared": "true" if row.shared else "false",
        "InUse": "true" if row.in_use else "false",
        "Size": human_size(row.size, 4),
        "Description": row.description,
        "LastAccessed": times.ago(row.used_ns),
        "LastUsedAt": times.rfc3339(row.used_ns),
        "Type": _TYPES[row.kind],
    }
