"""``skerry history``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] IMAGE"
DESCRIPTION = "Shows how an image was made, newest step first."
EXAMPLES = (("skerry history --no-trunc web", "with the whole commands"),)
FLAGS = (
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("-H", "--human", default=True, help="Sizes and times for people"),
    flag("--no-trunc", help="Show IDs and commands in full"),
    flag("-q", "--quiet", help="Only IDs"),
)
COMPLETE = "images"
MIN_ARGS, MAX_ARGS = 1, 1


def run(args: Args, engine: Engine, out: Output) -> int:
    rows = engine.images.history(args.positional[0])
    out.listing(
        [_shown(row, args) for row in rows],
        format=args["format"],
        default="table {{.ID}}\t{{.Created}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
        headers={"CreatedBy": "CREATED BY", "CreatedAt": "CREATED AT", "CreatedSince": "CREATED SINCE"},
        json_rows=[_json(row) for row in rows],
        quiet_field="ID" if args["quiet"] else None,
    )
    return 0


def _json(row: dict[str, Any]) -> dict[str, Any]:
    shown = {key: row[key] for key in ("id", "created", "CreatedBy", "size", "comment", "tags", "Created") if row[key]}
    return {"id": row["id"], "size": row["size"], **shown}


def _shown(row: dict[str, Any], args: Args) -> dict[str, Any]:
    from skerry.engine import times
    from skerry.engine.images.listing import human_units

    by = row["CreatedBy"].replace("\t", " ")
    if not args["no_trunc"] and len(by) > 45:
        by = by[:42] + "..."
    image_id = row["id"] if args["no_trunc"] or row["id"].startswith("<") else row["id"][:12]
    since = times.ago(row["created_ns"]) if row["created_ns"] != times.NEVER_NS else "N/A"
    # In local time, as Docker has it; `images` shows UTC.
    at = row["created"] if row["created_ns"] == times.NEVER_NS else times.rfc3339(row["created_ns"] // 10**9 * 10**9)
    return {
        "ID": image_id,
        "Created": since if args["human"] else row["created"],
        "CreatedSince": since,
        "CreatedAt": at,
        "CreatedBy": by,
        "Size": human_units(row["size"]) if args["human"] else str(row["size"]),
        "Comment": row["comment"],
        "Tags": row["tags"],
    }
