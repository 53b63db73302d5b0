"""``--format "table …"`` with more than plain fields: the template runs over the headings, then over each row."""

from __future__ import annotations

from skerry.cli.listing import clean, heading
from skerry.cli.template.engine import compile_template
from skerry.cli.template.errors import TemplateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


class _Headings(dict[str, str]):
    """Every field has a heading, and so has every field of a field."""

    def __missing__(self, name: str) -> str:
        return heading(name)

    def __contains__(self, name: object) -> bool:
        return True


def fill_table(
    name: str, rows: Sequence[Mapping[str, Any]], text: str, headers: Mapping[str, str], noheading: bool
) -> list[list[str]]:
    """The lines' cells."""
    fill = compile_template(name, text, clean=clean)
    lines: list[list[str]] = []
    if not noheading:
        filled = _heading_line(name, text, headers)
        lines += [line.split("\t") for line in filled.split("\n") if line]
    for row in rows:
        lines += [line.split("\t") for line in fill(row).removesuffix("\n").split("\n")]
    return lines


def _heading_line(name: str, text: str, headers: Mapping[str, str]) -> str:
    """Podman fills the same template with the fields' headings. Where that cannot work (a range over a list, an
    index into a map) it fails; here the table then has no headings."""
    try:
        return compile_template(name, text)(_Headings(headers))
    except TemplateError:
        return ""
