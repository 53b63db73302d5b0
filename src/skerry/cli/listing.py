"""``--format`` of the commands that list things: tables, templates, JSON.

A format of plain fields (every default table, and most of what users type) is filled in here; one with anything
more in its braces loads the template engine.
"""

from __future__ import annotations

from skerry import fastjson

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

# A literal, or the names of a field: "{{.State.Status}}" is ("State", "Status").
Piece = "str | tuple[str, ...]"
MIN_WIDTH, PADDING = 12, 2  # Podman's tabwriter


class _Fallback(Exception):
    """The format, or a value, needs the template engine."""


def render(
    name: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    format: str,
    default: str,
    headers: Mapping[str, str],
    json_rows: Sequence[Any] | None,
    noheading: bool,
    quiet_field: str | None,
) -> str:
    """All that ``Output.listing`` prints, as one text."""
    if quiet_field is not None:
        return "".join([f"{text_of(row[quiet_field])}\n" for row in rows])
    if "json" in format and (wish := _words_of(format)) in (["json"], ["json", "."]):
        objects = rows if json_rows is None else json_rows
        if wish == ["json"]:
            return fastjson.dumps(plain(objects), indent=2) + "\n"
        return "".join([fastjson.dumps(plain(row)) + "\n" for row in objects])  # {{json .}}: one object for each line
    if format.strip() in ("", "table"):
        format = default
    if format.startswith(("table ", "table\t")):
        return _table(name, rows, _spaces_to_tabs(expand_escapes(format[6:])), headers, noheading)
    fill = _filler(name, expand_escapes(format))
    return "".join([line if line.endswith("\n") else line + "\n" for line in map(fill, rows)])


def is_json(format: str) -> bool:
    """Whether a format asks for JSON: ``json``, or the action of that name for all there is, as Podman reads it."""
    return _words_of(format) in (["json"], ["json", "."])


def _words_of(format: str) -> list[str]:
    """What stands in a format that is a single action, or a single word; any other is one thing."""
    text = format.strip()
    return text[2:-2].split() if text.startswith("{{") and text.endswith("}}") else [text]


def render_each(name: str, objects: Sequence[Any], format: str) -> str:
    """All that ``Output.inspect`` prints, as one text."""
    if not format.strip() or _words_of(format) == ["json"]:
        # Five spaces: Podman's own indent, so that texts can be compared.
        return fastjson.dumps(plain(objects), indent=5) + "\n"
    fill = _filler(name, expand_escapes(format), typed=True)
    return "".join([fill(thing) + "\n" for thing in objects])


def expand_escapes(format: str) -> str:
    """A backslash-t or backslash-n typed in single quotes means the character (outside of actions: there the
    template's own strings know them)."""
    if "\\" not in format:
        return format
    parts = format.split("{{")
    done = [parts[0].replace("\\n", "\n").replace("\\t", "\t")]
    for part in parts[1:]:
        action, closing, literal = part.partition("}}")
        done.append(action + closing + literal.replace("\\n", "\n").replace("\\t", "\t"))
    return "{{".join(done)


def _spaces_to_tabs(format: str) -> str:
    """In a table's template a space is between two columns, as Podman has it (outside of actions)."""
    head, *parts = format.split("{{")
    done = [head.replace(" ", "\t")]
    for part in parts:
        action, closing, literal = part.partition("}}")
        done.append(action + closing + literal.replace(" ", "\t"))
    return "{{".join(done)


def simple_pieces(text: str) -> list[str | tuple[str, ...]] | None:
    """The literals and fields of a template without anything else, or None."""
    first, *rest = text.split("{{")
    if "}}" in first:
        return None
    pieces: list[str | tuple[str, ...]] = [first] if first else []
    for part in rest:
        action, closing, literal = part.partition("}}")
        names = action.strip(" ").split(".")
        if not closing or names[0] or len(names) < 2:
            return None
        for name in names[1:]:
            if not name.isidentifier():
                return None
        pieces.append(tuple(names[1:]))
        if literal:
            pieces.append(literal)
    return pieces


# What prints in its own way (see `template.moments`).
_TYPED = frozenset((
    "Created", "CreatedAt", "StartedAt", "FinishedAt", "CheckpointedAt", "RestoredAt", "Interval", "Timeout",
    "StartPeriod",
))  # fmt: skip


def _filler(name: str, text: str, *, typed: bool = False) -> Callable[[Any], str]:
    """A function from a value to the filled-in template; ``typed``: its times and durations print as Go's."""
    pieces = simple_pieces(text)
    if typed and pieces and any(type(piece) is tuple and piece[-1] in _TYPED for piece in pieces):
        pieces = None
    compiled: list[Callable[[Any], str]] = []

    def engine(value: Any) -> str:
        if not compiled:
            from skerry.cli.template.engine import compile_template

            compiled.append(compile_template(name, text))
        return compiled[0](value)

    if pieces is None:
        engine_check(name, text)
        return engine

    def fill(value: Any) -> str:
        try:
            return "".join([piece if type(piece) is str else _field(value, piece) for piece in pieces])
        except _Fallback:
            return engine(value)

    return fill


def engine_check(name: str, text: str) -> None:
    """A template that cannot be parsed is an error also where there is nothing to print."""
    from skerry.cli.template.engine import compile_template

    compile_template(name, text)


def _field(value: Any, names: str | tuple[str, ...]) -> str:
    for name in names:
        try:
            value = value[name]
        except (KeyError, TypeError, IndexError):
            raise _Fallback from None
        if callable(value):
            try:
                value = value()
            except TypeError:  # a method, which wants arguments
                raise _Fallback from None
    if value is None or type(value) is dict:
        raise _Fallback  # how it prints depends on its field
    return text_of(value)


def text_of(value: Any) -> str:
    """A value as Go prints it."""
    if type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if type(value) is int:
        return str(value)
    from skerry.cli.template.values import go_string

    return go_string(value() if callable(value) else value)


def plain(value: Any) -> Any:
    """``value`` with every lazy part computed, for JSON."""
    if type(value).__name__ in ("NilMap", "NilSlice"):  # of the template engine, which may not be loaded
        return None
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if not _is_method(item)}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return plain(value()) if callable(value) else value


def _is_method(value: Any) -> bool:
    if not callable(value):
        return False
    from skerry.cli.template.values import is_method

    return is_method(value)


# Tables


def _table(name: str, rows: Sequence[Mapping[str, Any]], text: str, headers: Mapping[str, str], noheading: bool) -> str:
    pieces = simple_pieces(text)
    if pieces is None:
        from skerry.cli.template.tables import fill_table

        return align(fill_table(name, rows, text, headers, noheading))
    lines = []
    if not noheading:
        lines.append(
            "".join(p if isinstance(p, str) else headers.get(".".join(p)) or heading(p[-1]) for p in pieces).split("\t")
        )
    for row in rows:
        try:
            cells = "".join([p if type(p) is str else clean(_field(row, p)) for p in pieces])
        except _Fallback:
            from skerry.cli.template.tables import fill_table

            return align(fill_table(name, rows, text, headers, noheading))
        lines.append(cells.split("\t"))
    return align(lines)


def clean(text: str) -> str:
    """A cell's text: one line, nothing that a terminal would obey."""
    if text.isprintable():
        return text
    from skerry.cli.escape import printable

    return printable(text)


def heading(field: str) -> str:
    """CreatedAt → CREATED AT, PodID → POD ID: split where the case says that a word begins."""
    words = ""
    for position, letter in enumerate(field):
        before = field[position - 1 : position]
        after = field[position + 1 : position + 2]
        if position and letter.isupper() and (not before.isupper() or after.islower()):
            words += " "
        words += letter
    return words.upper()


def align(lines: list[list[str]]) -> str:
    """Lines of cells in columns, as Go's tabwriter lays them out: a column is a run of lines that have one there,
    at least 12 wide with 2 of padding; the last cell of a line ends it."""
    count = len(lines[0]) if lines else 0
    if all(len(cells) == count for cells in lines):
        return _align_even(lines)
    widths: list[list[int]] = [[] for _ in lines]
    column = 0
    while True:
        more = False
        position = 0
        while position < len(lines):
            end = position
            widest = MIN_WIDTH
            while end < len(lines) and column < len(lines[end]) - 1:
                widest = max(widest, width_of(lines[end][column]) + PADDING)
                end += 1
            for line in range(position, end):
                widths[line].append(widest)
            more = more or end > position
            position = max(end, position + 1)
        if not more:
            break
        column += 1
    out = []
    for cells, line_widths in zip(lines, widths, strict=True):
        for cell, width in zip(cells, line_widths, strict=False):
            out.append(cell + " " * (width - width_of(cell)))
        out.append(cells[-1] + "\n")
    return "".join(out)


def _align_even(lines: list[list[str]]) -> str:
    """`align` for lines of as many cells each: every default table."""
    columns = [list(cells) for cells in zip(*lines, strict=True)]
    for position, cells in enumerate(columns[:-1]):
        widths = list(map(len, cells)) if "".join(cells).isascii() else [width_of(cell) for cell in cells]
        widest = max(MIN_WIDTH, max(widths) + PADDING)
        columns[position] = [cell + " " * (widest - width) for cell, width in zip(cells, widths, strict=True)]
    return "".join(["".join(cells) + "\n" for cells in zip(*columns, strict=True)])


def width_of(text: str) -> int:
    """Columns that ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 0 if combining(c) else 1 for c in text)
