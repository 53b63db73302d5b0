"""A Containerfile's text becomes instructions: directives, comments, continuation lines, heredocs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from skerry.build.errors import BuildSyntaxError
from skerry.build.language.ast import Dockerfile, Heredoc, Instruction, Position
from skerry.build.language.directives import read_directives
from skerry.build.language.heredocs import heredocs_of
from skerry.build.language.splitting import SplitError, json_strings, lstrip, split_keyword, strip
from skerry.build.language.words import ExpansionError
from skerry.records import replace

_CONTINUED = {"\\": re.compile(r"(?:(?<=[^\\])|^)\\[ \t]*\Z"), "`": re.compile(r"(?:(?<=[^`])|^)`[ \t]*\Z")}
_WITH_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})
MAX_BYTES = 64 * 1024 * 1024  # a Containerfile beyond this is something else


def parse(text: str | bytes, file: str = "Containerfile") -> Dockerfile:
    """Parse one Containerfile. Bytes that are no UTF-8 survive as surrogates (``surrogateescape``)."""
    if len(text) > MAX_BYTES:
        raise BuildSyntaxError("the file is too large to be a Containerfile", file=file, line=1)
    lines = _split(text)
    plain = tuple(line.rstrip("\r") for line in lines)
    directives = read_directives(plain, file)
    escape = directives["escape"].value if "escape" in directives else "\\"
    # A directive describes no instruction: blanked, it is no comment of the one below it.
    noted = {directive.line for directive in directives.values()}
    readable = ["" if number in noted else line for number, line in enumerate(lines, 1)]
    instructions = tuple(_Reader(readable, file, escape).instructions())
    if not instructions:
        raise BuildSyntaxError("file with no instructions", file=file, line=max(len(plain), 1))
    return Dockerfile(instructions, directives, plain, file, escape, {file: plain})


def lines_of(text: str | bytes) -> tuple[str, ...]:
    """A file's lines as excerpts show them, whether it can be parsed or not."""
    return tuple(line.rstrip("\r") for line in _split(text))


def _split(text: str | bytes) -> list[str]:
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    lines = text.removeprefix("\ufeff").split("\n")
    if lines[-1] == "":
        lines.pop()
    return lines


def join(files: Iterable[Dockerfile]) -> Dockerfile:
    """Several Containerfiles as one, as with several ``--file``: their instructions one after the other.

    The first file's directives count for the whole; each keeps its own escape character.
    """
    first, *others = files
    instructions, sources = list(first.instructions), dict(first.sources)
    for other in others:
        instructions += other.instructions
        sources.update(other.sources)
    return replace(first, instructions=tuple(instructions), sources=sources)


def parse_line(line: str, position: Position, escape: str) -> Instruction:
    """An instruction from a line of its own, as ONBUILD's triggers are; heredocs may follow in it."""
    reader = _Reader(line.split("\n"), position.file, escape, at=position)
    instructions = list(reader.instructions())
    if len(instructions) != 1:
        raise BuildSyntaxError("one instruction was expected", file=position.file, line=position.line)
    return instructions[0]


class _Reader:
    def __init__(self, lines: list[str], file: str, escape: str, at: Position | None = None) -> None:
        self.lines = lines
        self.file = file
        self.escape = escape
        self.at = at
        self.index = 0
        self.comments: list[str] = []

    def instructions(self) -> Iterable[Instruction]:
        while self.index < len(self.lines):
            start = self.index
            line = lstrip(self._take())
            if line.startswith("#"):
                comment = strip(line[1:])
                self.comments = [*self.comments, comment] if comment else []
            elif line:
                yield self._instruction(start, line)
                self.comments = []

    def _take(self) -> str:
        line = self.lines[self.index].rstrip("\r")
        self.index += 1
        return line

    def _instruction(self, start: int, first: str) -> Instruction:
        line, empty = self._continued(first)
        try:
            keyword, flags, text = split_keyword(line)
            heredocs = self._heredocs(keyword, text, line, start)
        except (SplitError, ExpansionError) as error:
            raise self._error(str(error), start) from None
        return Instruction(
            keyword=keyword.upper(),
            text=text,
            flags=flags,
            heredocs=heredocs,
            position=self._position(start),
            raw_keyword=keyword,
            source=tuple(line.rstrip("\r") for line in self.lines[start : self.index]),
            line=line,
            escape=self.escape,
            comments=tuple(self.comments),
            empty_continuation=empty,
        )

    def _continued(self, line: str) -> tuple[str, bool]:
        """The line joined with those that continue it; and whether an empty one was among them."""
        pieces: list[str] = []
        empty = False
        continued = _CONTINUED[self.escape]
        while match := continued.search(line):
            pieces.append(line[: match.start()])
            line = ""
            while self.index < len(self.lines):
                candidate = self._take()
                stripped = lstrip(candidate)
                if stripped and not stripped.startswith("#"):
                    line = candidate
                    break
                empty = empty or not stripped
        return "".join(pieces) + line, empty

    def _heredocs(self, keyword: str, text: str, line: str, start: int) -> tuple[Heredoc, ...]:
        keyword = keyword.upper()
        if "<<" not in line:
            return ()
        if keyword == "ONBUILD":
            keyword, _flags, text = split_keyword(text)
            keyword = keyword.upper()
        if keyword not in _WITH_HEREDOCS or json_strings(text) is not None:
            return ()
        ends = self._ends if keyword == "RUN" else _never
        return tuple(self._content(heredoc, start) for heredoc in heredocs_of(line, ends))

    def _ends(self, heredoc: Heredoc) -> bool:
        return any(_is_end(line, heredoc) for line in self.lines[self.index :])

    def _content(self, heredoc: Heredoc, start: int) -> Heredoc:
        content: list[str] = []
        while self.index < len(self.lines):
            line = self.lines[self.index]
            self.index += 1
            if _is_end(line, heredoc):
                return replace(heredoc, content="".join(content))
            content.append(line + "\n")
        raise self._error("unterminated heredoc", start, hint=f"no line says {heredoc.name} alone")

    def _position(self, start: int) -> Position:
        return self.at or Position(self.file, start + 1, self.index)

    def _error(self, what: str, start: int, hint: str = "") -> BuildSyntaxError:
        position = self._position(start)
        source = tuple(line.rstrip("\r") for line in self.lines[start : self.index])
        error = BuildSyntaxError(
            what, file=self.file, line=position.line, end_line=position.end_line, hint=hint, source=source
        )
        if self.at is None:
            error.lines = tuple(line.rstrip("\r") for line in self.lines)
        return error


def _is_end(line: str, heredoc: Heredoc) -> bool:
    line = line.rstrip("\r")
    return (line.lstrip("\t") if heredoc.strip_tabs else line) == heredoc.name


def _never(_heredoc: Heredoc) -> bool:
    return False
