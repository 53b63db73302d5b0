"""``skerry volume ls``."""

from __future__ import annotations

from skerry.cli.flags import UsageError, flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = (
    "Lists volumes. Filters: name=, label=KEY[=VALUE], label!=, driver=, opt=KEY[=VALUE], scope=, dangling=true|false, "
    "anonymous=true|false, until=, after=VOLUME (or since=)."
)
EXAMPLES = (("skerry volume ls -q --filter dangling=true", "names of the volumes that no container uses"),)
FLAGS = (
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("-n", "--noheading", help="No headings"),
    flag("-q", "--quiet", help="Only names"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0
_OPTIONAL = ("UID", "GID", "Anonymous", "NeedsCopyUp", "NeedsChown", "Timeout", "StorageID", "Status")


def brief(row: dict[str, Any]) -> dict[str, Any]:
    """As Podman's JSON: without what is not set."""
    return {key: value for key, value in row.items() if value or key not in _OPTIONAL}


def run(args: Args, engine: Engine, out: Output) -> int:
    if args["quiet"] and args["format"]:
        raise UsageError("quiet and format flags cannot be used together")
    rows = engine.volumes.list(filters=args["filter"])
    # One word in a template, as `network ls` has it; a map in JSON.
    shown = [
        {**row, "Labels": ",".join(f"{key}={value}" for key, value in sorted(row["Labels"].items()))} for row in rows
    ]
    out.listing(
        shown, format=args["format"], default="table {{.Driver}}\t{{.Name}}", headers={"Name": "VOLUME NAME"},
        json_rows=[brief(row) for row in rows], noheading=args["noheading"], quiet_field="Name" if args["quiet"] else None,
    )  # fmt: skip
    return 0
