"""``skerry images``."""

from __future__ import annotations

from skerry.cli.flags import flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] [IMAGE...]"
DESCRIPTION = (
    "Lists images. Filters: reference=PATTERN, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME, id=ID, "
    "digest=DIGEST, dangling=true|false, intermediate=true|false, containers=true|false; KEY!=VALUE for the contrary."
)
EXAMPLES = (
    ("skerry images", "all images"),
    ("skerry images -q --filter dangling=true", "IDs of those without a name"),
    ("skerry images --format '{{.Repository}}:{{.Tag}} {{.Size}}' --sort size", "names with sizes, smallest first"),
)
FLAGS = (
    flag("-a", "--all", help="Intermediate images too"),
    flag("--digests", help="Show the manifests' digests"),
    flag("-f", "--filter", kind="list", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("--history", help="Show the names that an image has"),
    flag("--no-trunc", help="Show IDs in full"),
    flag("-n", "--noheading", help="No headings"),
    flag("-q", "--quiet", help="Only IDs"),
    flag(
        "--sort", kind="str", default="created", metavar="FIELD", choices=("created", "id", "repository", "size", "tag"),
        help="Sort by created, id, repository, size or tag",
    ),
)  # fmt: skip
COMPLETE = "images"
_HEADERS = {
    "ID": "IMAGE ID", "Id": "IMAGE ID", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT",
    "ReadOnly": "R/O", "IsReadOnly": "R/O", "RepoDigests": "DIGEST",
}  # fmt: skip


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images.listing import json_rows, table_rows

    if args["format"] == "json":
        rows = json_rows(
            engine, all=args["all"], filters=args["filter"], names=args.positional, sort=args["sort"]
        )  # fmt: skip
        out.listing([], format="json", default="", json_rows=rows)
        return 0
    rows = table_rows(
        engine, all=args["all"], filters=args["filter"], names=args.positional, sort=args["sort"],
        no_trunc=args["no_trunc"],
    )  # fmt: skip
    if args["quiet"]:
        for image_id in dict.fromkeys(row["ID"] for row in rows):
            out.line(image_id)
        return 0
    columns = ["{{.Repository}}", "{{.Tag}}", "{{.ID}}", "{{.CreatedSince}}", "{{.Size}}"]
    if args["digests"]:
        columns.insert(2, "{{.Digest}}")
    if args["history"]:
        columns.append("{{.History}}")
    if any(row["ReadOnly"] for row in rows):
        columns.append("{{.ReadOnly}}")
    out.listing(
        rows, format=args["format"], default="table " + "\t".join(columns), headers=_HEADERS,
        noheading=args["noheading"],
    )  # fmt: skip
    return 0
