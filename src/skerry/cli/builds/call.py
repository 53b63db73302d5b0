"""``build --call`` and ``--check``: what a Containerfile offers and what BuildKit's checks find in it, as buildx prints it."""

from __future__ import annotations

import re

from skerry.cli.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.events import Warned
    from skerry.build.language.ast import Dockerfile
    from skerry.build.options import BuildOptions
    from skerry.cli.output import Output
    from skerry.engine.engine import Engine

_URL = "https://docs.docker.com/go/dockerfile/rule/"
_WORDS = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_METHODS = ("check", "lint", "outline", "targets")


def call(text: str, engine: Engine, options: BuildOptions, out: Output) -> int:
    """Do what ``METHOD[,format=text|json][,ignorestatus[=true|false]]`` asks for; 1 when a check finds something."""
    method, format, ignored = _parsed(text)
    if method in ("check", "lint"):
        return _check(engine, options, out, as_json=format == "json", ignored=ignored)
    from skerry.build import build

    document = build.targets(engine, options) if method == "targets" else build.outline(engine, options)
    if format == "json":
        out.json(document, indent=2)
    elif method == "targets":
        _print_targets(document, out)
    else:
        _print_outline(document, out)
    return 0


def _parsed(text: str) -> tuple[str, str, bool]:
    method, *fields = text.split(",")
    format, ignored = "text", False
    for field in fields:
        key, _, value = field.partition("=")
        if key == "format" and value in ("text", "json"):
            format = value
        elif key == "ignorestatus" and value in ("", "true", "false"):
            ignored = value != "false"
        else:
            raise UsageError(f'invalid field "{field}" in --call: METHOD[,format=text|json][,ignorestatus] is known')
    if method not in _METHODS:
        raise UsageError(f'invalid value "{method}" for --call: one of build, check, outline, targets is needed')
    return method, format, ignored


def _check(engine: Engine, options: BuildOptions, out: Output, *, as_json: bool, ignored: bool) -> int:
    from skerry.build.build import findings
    from skerry.cli.build_view.plain import warning_text

    dockerfile, found = findings(engine, options)
    if as_json:
        out.json(_document(dockerfile, found), indent=2)
    else:
        for warning in found:
            out.line(f"WARNING: {warning_text(warning)}")
        count = f"{len(found)} warnings have" if len(found) != 1 else "1 warning has"
        out.line(f"Check complete, {count} been found!" if found else "Check complete, no warnings found.")
    return 1 if found and not ignored else 0


def _document(dockerfile: Dockerfile, found: list[Warned]) -> dict[str, Any]:
    """BuildKit's ``frontend.lint``: ``{"sources": [{"filename", "language", "data"}], "warnings": [{"ruleName", "detail",
    "url", "location"}]}``."""
    from skerry.build.outline import location_of, sources_of

    texts = sources_of(dockerfile)
    names, warnings = list(texts), []
    for warning in found:
        item: dict[str, Any] = {"ruleName": warning.rule, "detail": warning.message}
        if warning.rule:
            item["url"] = _URL + _WORDS.sub("-", warning.rule).lower() + "/"
        if warning.position is not None:
            file = warning.position.file
            item["location"] = {
                "sourceIndex": names.index(file) if file in names else 0,
                **location_of(warning.position),
            }
        warnings.append(item)
    sources = [{"filename": name, "language": "Dockerfile", "data": text} for name, text in texts.items()]
    return {"sources": sources, "warnings": warnings}


def _print_targets(document: dict[str, Any], out: Output) -> None:
    rows: list[tuple[str, ...]] = [("TARGET", "DESCRIPTION")]
    for target in document["targets"]:
        names = (target.get("name", ""), "(default)" if target.get("default") else "")
        rows.append((" ".join(name for name in names if name), target.get("description", "")))
    _print_table(rows, out)


def _print_outline(document: dict[str, Any], out: Output) -> None:
    rows: list[tuple[str, ...]] = []
    if document.get("name") or document.get("description"):
        rows.append(("TARGET:", document.get("name") or "(default)"))
    if document.get("description"):
        rows.append(("DESCRIPTION:", document["description"]))
    tables = [rows]
    if arguments := document.get("args"):
        rows = [(item["name"], item.get("value", ""), item.get("description", "")) for item in arguments]
        tables.append([("BUILD ARG", "VALUE", "DESCRIPTION"), *rows])
    for key, heading in (("secrets", "SECRET"), ("ssh", "SSH")):
        if mounts := document.get(key):
            rows = [(item["name"], "true" if item.get("required") else "") for item in mounts]
            tables.append([(heading, "REQUIRED"), *rows])
    for number, table in enumerate(table for table in tables if table):
        if number:
            out.line("")
        _print_table(table, out)


def _print_table(rows: list[tuple[str, ...]], out: Output) -> None:
    """Columns with three blanks between them, as buildx sets them."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        out.line("   ".join(cells).rstrip())
