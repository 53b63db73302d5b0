"""Errors that know their place in a Containerfile, so that a face can draw the lines around it."""

from __future__ import annotations

from skerry.build.language.culprit import find_culprit
from skerry.engine.builds.errors import Interrupted
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.build.events import Reason
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
        column: int = 0,
        hint: str = "",
        source: tuple[str, ...] = (),
    ) -> None:
        """``column`` 0: where in the ``source`` that stands which ``what`` names."""
        below = 0
        if not column:
            below, column, _length = find_culprit(what, source)
        super().__init__(f"{file}:{line + below}:{column}: {what}", hint=hint)
        self.what = what
        self.file = file
        self.line = line
        self.end_line = line if end_line is None else end_line
        self.column = column
        self.source = source
        self.lines: tuple[str, ...] = ()  # of the whole file


def syntax_error(
    what: str, position: Position, *, column: int = 0, hint: str = "", source: tuple[str, ...] = ()
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


class RunFailed(SkerryError):
    """A RUN's program ``argv`` ended with an error. ``output`` is the end of what it wrote."""

    def __init__(self, text: str, argv: Sequence[str], code: int, output: bytes, position: Position) -> None:
        shown = text if len(text) <= 200 else text[:199] + "…"
        super().__init__(f'building at STEP "{shown}": while running runtime: exit status {code}', exit_code=code)
        self.argv = argv
        self.program_exit_code = code
        self.output = output
        self.position = position


class WouldRun(Interrupted):
    """``--explain``: here a step would be done, and its stage cannot be followed further."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


class StepError(SkerryError):
    """What went wrong in a step, with its place. The original is its cause; exit code and hint are that one's."""

    def __init__(self, text: str, error: SkerryError, position: Position) -> None:
        shown = text if len(text) <= 200 else text[:199] + "…"
        super().__init__(f'building at STEP "{shown}": {error.message}', hint=error.hint, exit_code=error.exit_code)
        self.position = position
