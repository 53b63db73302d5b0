"""``skerry search``."""

from __future__ import annotations

from skerry.cli.flags import flag
from skerry.cli.images.registry_flags import AUTHFILE, CERT_DIR, CREDS, TLS_VERIFY, transfer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.cli.flags import Args
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

USAGE = "[options] TERM"
DESCRIPTION = (
    "Searches registries for images whose names have TERM in them: the registry that TERM begins with (HOST/TERM; "
    "HOST/ lists all), or the unqualified-search registries of registries.conf, or docker.io. With --list-tags TERM is "
    "a repository whose tags are listed. Filters: stars=NUMBER, is-official[=BOOL], is-automated[=BOOL]."
)
EXAMPLES = (
    ("skerry search --filter is-official --limit 3 alpine", "on Docker Hub"),
    ("skerry search --list-tags registry.example.com/team/web", "the tags of a repository"),
    ("skerry search --format '{{.Name}} {{.Stars}}' quay.io/postgres", "in columns of one's own"),
)
FLAGS = (
    AUTHFILE,
    CERT_DIR,
    flag("--compatible", help="Columns for stars, official and automated images, as Docker has them"),
    CREDS,
    flag("-f", "--filter", kind="slice", metavar="KEY=VALUE", help="Only those that match"),
    flag("--format", kind="str", metavar="TEMPLATE", help="A Go template, or json"),
    flag("--limit", kind="int", metavar="NUMBER", default=0, help="So many of each registry (25)"),
    flag("--list-tags", help="List the tags of a repository"),
    flag("--no-trunc", help="Show descriptions in full"),
    TLS_VERIFY,
)
COMPLETE = "none"
MIN_ARGS, MAX_ARGS = 1, 1
_SHOWN = 44


def run(args: Args, engine: Engine, out: Output) -> int:
    from skerry.engine.images.search import Search

    options = Search(
        filters=args["filter"], limit=args["limit"], list_tags=args["list_tags"], transfer=transfer(args)
    )  # fmt: skip
    rows = engine.images.search(args.positional[0], options)
    if not rows:
        return 0
    if args["format"] == "json":
        out.json(_by_name(rows) if args["list_tags"] else rows)
        return 0
    if not args["no_trunc"]:
        for row in rows:
            row["Description"] = _cut(row["Description"])
    columns = "{{.Name}}\t{{.Tag}}" if args["list_tags"] else "{{.Name}}\t{{.Description}}"
    if args["compatible"] and not args["list_tags"]:
        columns += "\t{{.Stars}}\t{{.Official}}\t{{.Automated}}"
    out.listing(rows, format=args["format"], default=f"table {columns}")
    return 0


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN].strip() + "..."


def _by_name(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One object for each repository, with all its tags."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row["Name"], []).append(row["Tag"])
    return [{"Name": name, "Tags": tags} for name, tags in found.items()]
