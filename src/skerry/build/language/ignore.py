"""``.containerignore`` and ``.dockerignore``: which paths of a context are left out, as moby's pattern matcher decides.

A pattern is Go's filepath.Match with ``**`` for any number of folders; ``!`` brings back what an earlier line left out;
what is below a matched folder is matched, too; the last line that matches decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from skerry.build.language.globbing import Glob
from skerry.errors import Invalid

Match = Callable[[str], bool]
Token = tuple[str, str]
_STAR: Token = ("star", "[^/]*")
_ANY: Token = ("any", ".*")
_FOLDERS: Token = ("folders", "(?:.*/)?")
_MOST_WILDCARDS = 2  # with more, trying every way could take ages: see ``globbing``
_SPECIAL = re.compile(r"[*?\[\]\\]")


def read_ignore_file(data: bytes) -> list[str]:
    """The patterns of an ignore file, cleaned as moby does: comments and blank lines dropped, ``/`` at the beginning
    and ``.`` parts removed."""
    patterns = []
    for line in data.decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n"):
        if line.startswith("#"):
            continue
        text = line.strip()
        if not text:
            continue
        negated = text.startswith("!")
        if negated:
            text = text[1:].strip()
        if text:
            text = clean(text)
            if len(text) > 1 and text.startswith("/"):
                text = text[1:]
        patterns.append("!" + text if negated else text)
    return patterns


def clean(path: str) -> str:
    """Go's filepath.Clean."""
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not rooted:
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


class Patterns:
    """A list of patterns, in order. `Invalid` for one that is malformed."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._rules: list[tuple[bool, Match, str]] = []
        for given in patterns:
            text = given.strip()
            if not text:
                continue
            text = clean(text)
            negated = text.startswith("!")
            if negated:
                text = text[1:]
                if not text:
                    raise Invalid('illegal exclusion pattern: "!"')
            self._rules.append((negated, matcher(text), text))
        self.negated = any(negated for negated, _, _ in self._rules)

    def __bool__(self) -> bool:
        return bool(self._rules)

    def matches(self, path: str) -> bool:
        """Whether a path (relative, slashes) is left out."""
        matched = False
        parents: list[str] | None = None
        for negated, rule, _text in self._rules:
            if negated != matched:
                continue  # it could only say what is so already
            found = rule(path)
            if not found and path not in (".", ""):
                if parents is None:
                    parts = path.split("/")[:-1]
                    parents = ["/".join(parts[: n + 1]) for n in range(len(parts))]
                found = any(rule(parent) for parent in parents)
            if found:
                matched = not negated
        return matched

    def may_match_below(self, folder: str) -> bool:
        """Whether something below a folder that is left out may be brought back by a ``!`` line."""
        return self.negated and self._brings_back(folder, 0)

    def _brings_back(self, folder: str, first: int) -> bool:
        prefix = folder + "/"
        return any(
            negated and ((text + "/").startswith(prefix) or _could_reach(text, folder))
            for negated, _, text in self._rules[first:]
        )

    def leaves_out_all(self, source: str) -> bool:
        """Whether a COPY's source (it may have wildcards) and all below it is left out, as far as its name tells."""
        if source == ".":
            return not self.negated and any(text in ("*", "**", "**/*") for _, _, text in self._rules)
        if not self.matches(source):
            return False
        parts = source.split("/")
        plain = next((n for n, part in enumerate(parts) if set(part) & set("*?[")), len(parts))
        if not plain:
            return not self.negated
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        last = max(n for n, (negated, rule, _) in enumerate(self._rules) if not negated and any(map(rule, above)))
        return not self._brings_back(above[plain - 1], last + 1)


def _could_reach(pattern: str, folder: str) -> bool:
    """Whether a pattern's first parts may match the folder's (wildcards may)."""
    wanted = folder.split("/")
    for number, part in enumerate(pattern.split("/")):
        if part == "**" or "**" in part:
            return True
        if number >= len(wanted):
            return True
        try:
            if not compile_pattern(part).match(wanted[number]):
                return False
        except Invalid:
            return True  # an escaped slash: better to look below in vain than to miss something
    return False


def matcher(pattern: str) -> Match:
    """How a path is compared with a pattern. `Invalid` for a malformed one.

    As in moby, ``**`` at the beginning and no other wildcard means that the path ends so (``**b`` matches
    ``ab``), and at the end that it begins so.
    """
    parts = tokens(pattern)
    if pattern.startswith("**") and not _SPECIAL.search(pattern, 2):
        ending = pattern[2:]
        return lambda path: path.endswith(ending) or (ending.startswith("/") and path == ending[1:])
    if sum(kind != "one" for kind, _ in parts) > _MOST_WILDCARDS:
        return Glob(parts).matches
    compiled = compile_pattern(pattern)
    return lambda path: compiled.match(path) is not None


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """A pattern as a regular expression. `Invalid` when a bracket is open or a backslash ends it."""
    return re.compile("\\A" + "".join(text for _, text in tokens(pattern)) + "\\Z", re.DOTALL)


def tokens(pattern: str) -> list[Token]:
    """A pattern's parts, each with its regular expression: ``one`` character, or a wildcard of some kind. `Invalid`."""
    out: list[Token] = []
    index, length = 0, len(pattern)
    while index < length:
        character = pattern[index]
        if character == "*" and pattern.startswith("**", index):
            index += 3 if pattern.startswith("/", index + 2) else 2
            out.append(_ANY if index >= length else _FOLDERS)
            continue
        if character == "[":
            text, index = _class(pattern, index)
            out.append(("one", text))
            continue
        if character == "\\":
            index += 1
            if index >= length:
                raise Invalid(f'syntax error in pattern "{pattern}": a backslash ends it')
        if character in "*?":
            out.append(_STAR if character == "*" else ("one", "[^/]"))
        else:
            out.append(("one", re.escape(pattern[index])))
        index += 1
    return out


def _class(pattern: str, start: int) -> tuple[str, int]:
    """A bracket expression as re has it, and where it ends."""
    index = start + 1
    negated = pattern.startswith("^", index)
    if negated:
        index += 1
    pieces: list[str] = []
    first = True
    while True:
        if index >= len(pattern):
            raise Invalid(f'syntax error in pattern "{pattern}": a bracket is open')
        if pattern[index] == "]" and not first:
            break
        low, index = _class_character(pattern, index)
        high = low
        if pattern.startswith("-", index) and not pattern.startswith("-]", index):
            high, index = _class_character(pattern, index + 1)
        if high < low:
            raise Invalid(f'syntax error in pattern "{pattern}": a range is backwards')
        pieces.append(re.escape(low) if low == high else f"{re.escape(low)}-{re.escape(high)}")
        first = False
    body = "".join(pieces)
    return f"[{'^' if negated else ''}{body}]", index + 1


def _class_character(pattern: str, index: int) -> tuple[str, int]:
    if pattern.startswith("\\", index):
        index += 1
    if index >= len(pattern) or (pattern[index] in "-]" and not pattern.startswith("\\", index - 1)):
        raise Invalid(f'syntax error in pattern "{pattern}": a bracket is open')
    return pattern[index], index + 1
