"""What a Containerfile says, line by line: instructions with their place, nothing interpreted yet."""

from __future__ import annotations

from skerry.records import dataclass, field


@dataclass(frozen=True, slots=True)
class Position:
    """Where an instruction stands: lines count from 1, both ends included."""

    file: str
    line: int
    end_line: int


@dataclass(frozen=True, slots=True)
class Heredoc:
    """A here-document of RUN, COPY or ADD.

    ``content`` is as written (tabs included, line ends kept); ``text`` is what is to be used.
    """

    name: str
    content: str
    expand: bool = True
    strip_tabs: bool = False
    descriptor: int = 0

    @property
    def text(self) -> str:
        """The content, without leading tabs if it was opened by ``<<-``."""
        if not self.strip_tabs:
            return self.content
        return "".join(line.lstrip("\t") for line in self.content.splitlines(keepends=True))


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction, its continuation lines joined and the comments between them dropped.

    ``text`` is what follows the keyword and its flags; ``line`` is the joined line in full.
    """

    keyword: str
    text: str
    flags: tuple[tuple[str, str | None], ...]
    heredocs: tuple[Heredoc, ...]
    position: Position
    raw_keyword: str
    source: tuple[str, ...]
    line: str = ""
    escape: str = "\\"
    comments: tuple[str, ...] = ()
    empty_continuation: bool = False

    @property
    def original(self) -> str:
        """The instruction as the history and the progress show it: joined, its keyword in capitals, without blanks around."""
        return self.keyword + self.line.strip()[len(self.raw_keyword) :]


@dataclass(frozen=True, slots=True)
class Directive:
    """A parser directive (``# syntax=…``) and its line."""

    name: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """A parsed file: its instructions, its directives by name and its lines for excerpts."""

    instructions: tuple[Instruction, ...]
    directives: dict[str, Directive]
    lines: tuple[str, ...]
    file: str
    escape: str = "\\"
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def excerpt(self, position: Position) -> tuple[str, ...]:
        """The lines of a place, of whichever of several files it is in."""
        lines = self.sources.get(position.file, self.lines)
        return lines[position.line - 1 : position.end_line]
