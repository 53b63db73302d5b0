"""``build --call`` and ``--check``: what a Containerfile offers and what BuildKit's checks find in it, as buildx prints it."""

from __future__ import annotations

import re

from skerry.cli.flags import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.checking import Found
    from skerry.build.events import Warned
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
    _note(options, document)
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


def _note(options: BuildOptions, document: dict[str, Any]) -> None:
    """--metadata-file, as buildx has it for what is no build."""
    if options.metadata_file:
        from skerry import fastjson
        from skerry.build.outputs.files import write_text

        write_text(options.metadata_file, fastjson.dumps({"result.json": document}, indent=2) + "\n")


def _check(engine: Engine, options: BuildOptions, out: Output, *, as_json: bool, ignored: bool) -> int:
    """1 for findings, unless they are ``ignored``; and for what no build could begin with: findings that are said to
    be errors, a Containerfile that is none. That is an error whatever is ignored, told after the findings."""
    from skerry.build.checking import findings

    found = findings(engine, options)
    _note(options, document := _document(found))
    if as_json:
        out.json(document, indent=2)
    elif found.warnings:
        count = f"{len(found.warnings)} warnings have" if len(found.warnings) != 1 else "1 warning has"
        out.line(f"Check complete, {count} been found!")
        for warning in found.warnings:
            _print_warning(warning, found, out)
    elif found.error is None:
        out.line("Check complete, no warnings found.")
    if found.error is not None:
        _print_error(found, out)
        return 1
    return 1 if found.warnings and not ignored else 0


def _print_warning(warning: Warned, found: Found, out: Output) -> None:
    out.line(f"\nWARNING: {warning.rule}{' - ' if warning.rule else ''}{_url(warning)}")
    out.line(warning.message)
    position = warning.position
    if position is not None:
        for line in _source(found.sources.get(position.file, ()), position.file, position.line, position.end_line):
            out.line(line)


def _print_error(found: Found, out: Output) -> None:
    from skerry.build.errors import BuildSyntaxError

    error = found.error
    assert error is not None
    if isinstance(error, BuildSyntaxError):
        lines = _source(found.sources.get(error.file, ()), error.file, error.line, error.end_line)
        out.error(error.what, "\n".join([*lines, *([f"hint: {error.hint}"] if error.hint else [])]))
    else:
        out.error(error.message)


def _source(lines: tuple[str, ...], name: str, first: int, last: int) -> list[str]:
    """The lines with two around them, as BuildKit shows them."""
    last = min(last, len(lines))
    if not 1 <= first <= last:
        return []
    start, end = max(first - 2, 1), min(last + 2, len(lines))
    shown = [
        f" {n:3} | {'>>>' if first <= n <= last else '   '} {lines[n - 1]}".rstrip() for n in range(start, end + 1)
    ]
    return [f"{name}:{first}", "-" * 20, *shown, "-" * 20]


def _url(warning: Warned) -> str:
    return _URL + _WORDS.sub("-", warning.rule).lower() + "/" if warning.rule else ""


def _document(found: Found) -> dict[str, Any]:
    """BuildKit's ``frontend.lint``: ``{"warnings": [{"ruleName", "description", "url", "detail", "location"}],
    "sources": [{"filename", "language", "data"}], "buildError": {"message", "location"}}``."""
    from skerry.build.checks.rules import RULES
    from skerry.build.errors import BuildSyntaxError
    from skerry.build.outline import location_of, ranges_of, sources_of

    texts = sources_of(found.sources)
    names, warnings = list(texts), []
    for warning in found.warnings:
        item: dict[str, Any] = {"ruleName": warning.rule}
        if warning.rule:
            item |= {"description": RULES[warning.rule].description, "url": _url(warning)}
        item["detail"] = warning.message
        if warning.position is not None:
            file = warning.position.file
            item["location"] = {
                "sourceIndex": names.index(file) if file in names else 0,
                **location_of(warning.position),
            }
        warnings.append(item)
    sources = [{"filename": name, "language": "Dockerfile", "data": text} for name, text in texts.items()]
    document: dict[str, Any] = {"warnings": warnings, "sources": sources}
    error = found.error
    if isinstance(error, BuildSyntaxError):
        before = "" if found.parsed else f"dockerfile parse error on line {error.line}: "
        document["buildError"] = {"message": before + error.what, "location": ranges_of(error.line, error.end_line)}
    elif error is not None:
        document["buildError"] = {"message": error.message, "location": {}}
    return document


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
