"""The commands' reference as Markdown: ``python3 -m skerry.cli.manual docs/commands``.

Made from the same data as ``--help``, so that it cannot say anything else.
"""

from __future__ import annotations

import os
import sys

from skerry.cli.globals import LISTED_FLAGS
from skerry.cli.help import flag_pairs
from skerry.cli.main import load
from skerry.cli.table import COMMANDS, GROUPS, canonical, names_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import ModuleType

    from skerry.cli.flags import Flag
    from skerry.cli.table import Command


def pages() -> Iterator[tuple[str, str]]:
    """File names and their Markdown: an index, and a page for each command."""
    yield "README.md", _index()
    for path, command in COMMANDS.items():
        if not command.hidden:
            yield _file(path), _page(path, command, load(command))


def write(folder: str) -> None:
    """Write `pages` into ``folder``; pages of commands that are no more are removed."""
    os.makedirs(folder, exist_ok=True)
    wanted = dict(pages())
    for name in os.listdir(folder):
        if name.startswith("skerry-") and name not in wanted:
            os.unlink(os.path.join(folder, name))
    for name, text in wanted.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)


def _file(path: str) -> str:
    return f"skerry-{path.replace(' ', '-')}.md"


def _index() -> str:
    lines = ["# Commands", ""]
    for group in ("", *GROUPS):
        lines += [f"## {GROUPS[group]} (`skerry {group}`)" if group else "## Everyday commands", ""]
        for name, (command, others) in sorted(names_in(group).items()):
            full = f"{group} {name}".strip()
            also = f" (also: {', '.join(others)})" if others else ""
            lines.append(f"- [skerry {full}]({_file(canonical(command))}): {command.summary}{also}")
        lines.append("")
    lines += ["## Global options", "", "They stand before the command, or after it.", "", *_options(LISTED_FLAGS)]
    return "\n".join(lines).rstrip() + "\n"


def _page(path: str, command: Command, module: ModuleType) -> str:
    lines = [
        f"# skerry {path}",
        "",
        f"{command.summary}.",
        "",
        "```",
        f"skerry {path} {module.USAGE}".rstrip(),
        "```",
        "",
    ]
    lines += [module.DESCRIPTION.replace("\n", "\n\n"), ""]
    if command.also:
        lines += ["Also: " + ", ".join(f"`skerry {other}`" for other in command.also), ""]
    if module.EXAMPLES:
        lines += ["## Examples", "", "```"]
        for line, meaning in module.EXAMPLES:
            lines += [f"# {meaning}", line]
        lines += ["```", ""]
    if module.FLAGS:
        lines += ["## Options", "", *_options([it for it in module.FLAGS if not it.hidden])]
    return "\n".join(lines).rstrip() + "\n"


def _options(flags: Sequence[Flag]) -> list[str]:
    rows = [
        f"| `{_cell(typed.strip())}` | {_cell(meaning).replace('<', '&lt;')} |" for typed, meaning in flag_pairs(flags)
    ]
    return ["| option | |", "|---|---|", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")  # a bar would end the cell


if __name__ == "__main__":
    write(sys.argv[1])
