"""Parser directives: the ``# name=value`` lines before everything else in a Containerfile."""

from __future__ import annotations

import re
from collections.abc import Sequence

from skerry.build.errors import BuildSyntaxError
from skerry.build.language.ast import Directive
from skerry.build.language.splitting import lstrip

_KNOWN = ("syntax", "escape", "check")
_FORM = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*\Z", re.ASCII)


def read_directives(lines: Sequence[str], file: str) -> dict[str, Directive]:
    """The directives at a file's beginning; the first line that is none ends them.

    A ``#!`` line may stand before them, but then ``escape`` has no effect, as in BuildKit.
    """
    directives: dict[str, Directive] = {}
    start = 1 if lines and lines[0].startswith("#!") else 0
    for number, line in enumerate(lines[start:], start + 1):
        stripped = lstrip(line)
        match = _FORM.match(lstrip(stripped[1:])) if stripped.startswith("#") else None
        name = match[1].lower() if match else ""
        if match is None or name not in _KNOWN:
            break
        if name in directives:
            raise BuildSyntaxError(
                f"only one {name} parser directive can be used", file=file, line=number, source=(line,)
            )
        if name == "escape" and start:
            continue
        directive = Directive(name, match[2], number)
        if name == "escape" and directive.value not in ("\\", "`"):
            raise BuildSyntaxError(
                f"invalid escape token '{directive.value}' does not match ` or \\",
                file=file,
                line=number,
                column=line.index(directive.value) + 1,
                source=(line,),
            )
        directives[name] = directive
    return directives
