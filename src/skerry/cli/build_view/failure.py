"""What went wrong, and where in the Containerfile: its lines, the failing ones marked."""

from __future__ import annotations

from skerry.build.errors import BuildSyntaxError, RunFailed
from skerry.build.language.culprit import find_culprit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.language.ast import Position

_AROUND = 2


def excerpt(lines: tuple[str, ...], first: int, last: int, *, name: str, message: str = "") -> list[str]:
    """The lines ``first`` to ``last`` (from 1) marked, with some around them; what ``message`` names is underlined."""
    start, end = max(first - _AROUND, 1), min(last + _AROUND, len(lines))
    width = len(str(end))
    below, column, length = find_culprit(message, lines[first - 1 : last])
    shown = [f"{name}:{first + below}:{column}"]
    for number in range(start, end + 1):
        mark = ">" if first <= number <= last else " "
        shown.append(f"  {mark} {number:{width}} | {lines[number - 1]}".rstrip())
        if length and number == first + below:
            before = "".join("\t" if letter == "\t" else " " for letter in lines[number - 1][: column - 1])
            shown.append(f"    {'':{width}} | {before}{'^' * length}")
    return shown


def place_of(error: BaseException) -> tuple[str, int, int] | None:
    """File, first and last line that an error is about."""
    if isinstance(error, BuildSyntaxError):
        return error.file, error.line, error.end_line
    position: Position | None = getattr(error, "position", None)
    if position is None:
        return None
    return position.file, position.line, position.end_line


def named_by(error: BaseException) -> str:
    """The part of an error's message that may name what is wrong in its lines: that of the step is all of them."""
    if isinstance(error, BuildSyntaxError):
        return error.what
    if isinstance(error, RunFailed):
        return ""
    return getattr(error.__cause__ or error, "message", "")


def hint_of(error: RunFailed) -> str:
    """What to try after a program failed."""
    known = {
        127: "the program was not found: is it installed, and in PATH?",
        126: "the program cannot be executed: is it executable, and for this platform?",
        137: "it was killed: it may need more memory",
    }
    return known.get(error.program_exit_code, "build with --on-error=shell to look around in the step")
