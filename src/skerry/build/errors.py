"""Errors that know their place in a Containerfile, so that a face can draw the lines around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.errors import Invalid

if TYPE_CHECKING:
    from skerry.build.language.ast import Position


class BuildSyntaxError(Invalid):
    """A Containerfile is wrong, at this file, line and column (both count from 1)."""

    def __init__(
        self,
        what: str,
        *,
        file: str,
        line: int,
        end_line: int | None = None,
        column: int = 1,
        hint: str = "",
        source: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{file}:{line}: {what}", hint=hint)
        self.what = what
        self.file = file
        self.line = line
        self.end_line = line if end_line is None else end_line
        self.column = column
        self.source = source


def syntax_error(
    what: str, position: Position, *, column: int = 1, hint: str = "", source: tuple[str, ...] = ()
) -> BuildSyntaxError:
    """An error about the instruction that stands at this position."""
    return BuildSyntaxError(
        what,
        file=position.file,
        line=position.line,
        end_line=position.end_line,
        column=column,
        hint=hint,
        source=source,
    )
