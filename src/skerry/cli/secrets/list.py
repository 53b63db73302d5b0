"""``skerry secret ls``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.engine import times

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options]"
DESCRIPTION = "Lists secrets. Filters (one of them must match): name=PATTERN, id=PATTERN."
EXAMPLES = (("skerry secret ls --filter name=^db-", "those whose names begin with db-"),)
FLAGS = (
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("-n", "--noheading", help="No headings"),
    flag("-q", "--quiet", help="Only ids"),
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 0, 0


def run(args: Args, engine: Engine, out: Output) -> int:
    rows = [
        {
            "ID": record["id"], "Name": record["name"], "Driver": record["driver"],
            "CreatedAt": times.ago(record["created_ns"]), "UpdatedAt": times.ago(record["updated_ns"]),
        }
        for record in engine.secrets.list(filters=args["filter"])
    ]  # fmt: skip
    out.listing(
        rows, format=args["format"], default="table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.CreatedAt}}\t{{.UpdatedAt}}",
        headers={"CreatedAt": "CREATED", "UpdatedAt": "UPDATED"}, noheading=args["noheading"],
        quiet_field="ID" if args["quiet"] and not args.given("format") else None,
    )  # fmt: skip
    return 0
