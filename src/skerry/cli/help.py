"""Help: a page for each command and group, made from the table and the command's module."""

from __future__ import annotations

import os

from skerry.cli.called import as_called
from skerry.cli.flags import METAVARS, UsageError
from skerry.cli.globals import LISTED_FLAGS
from skerry.cli.table import GROUPS, canonical, lookup, names_in
from skerry.config.launcher import spoken_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType
    from typing import Any

    from skerry.cli.flags import Args, Flag
    from skerry.cli.output import Output
    from skerry.cli.table import Command

_MAX_WIDTH = 100  # longer lines are hard to read on any screen
_NO_WRAP = 1 << 20
_MAX_LEFT = 34  # flags wider than that have their help on the next line


class Page:
    """A page as it grows: headed sections of wrapped text, for this terminal."""

    def __init__(self, out: Output) -> None:
        self._lines: list[str] = []
        self._width = max(min(out.width, _MAX_WIDTH), 40)
        # Who reads a page through a pipe looks for a flag and its default on one line.
        self._whole_lines = not out.is_terminal and not os.environ.get("COLUMNS")
        self._bold = ("\x1b[1m", "\x1b[0m") if out.colour else ("", "")

    def summary(self, text: str) -> None:
        """The first line."""
        self._lines.append(text)

    def head(self, title: str) -> None:
        """A new section. Cobra's titles, which scripts look for."""
        self._lines += ["", f"{self._bold[0]}{title}:{self._bold[1]}"]

    def text(self, text: str, indent: int = 2) -> None:
        """A paragraph."""
        self._lines += [" " * indent + line for line in wrap(text, self._width - indent)]

    def verbatim(self, text: str) -> None:
        """A line that is not to be broken."""
        self._lines.append(("  " + text).rstrip())

    def pairs(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Two columns, the second wrapped."""
        narrow = [len(left) for left, _ in pairs if len(left) <= _MAX_LEFT]
        column = max(narrow, default=0) + 4
        for left, right in pairs:
            lines = wrap(right, _NO_WRAP if self._whole_lines else max(self._width - column, 20))
            if len(left) > column - 4 or not lines:
                self._lines.append("  " + left)
            else:
                self._lines.append("  " + left.ljust(column - 2) + lines.pop(0))
            self._lines += [" " * column + line for line in lines]

    def __str__(self) -> str:
        return as_called("\n".join(self._lines) + "\n")


def wrap(text: str, width: int) -> list[str]:
    """Words in lines of at most ``width``; a newline in the text stays one, an empty line ends a paragraph."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        # Who looks for a default looks for it on one line.
        for word in paragraph.replace("(default ", "(default\0").split():
            word = word.replace("\0", " ")
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
        lines.append(line)
    return lines if text else []


# Commands


def show_command(path: str, command: Command, module: ModuleType, out: Output) -> int:
    """Print the page of one command, with the defaults that containers.conf gives it."""
    from skerry.cli.configured import shown

    out.raw(command_page(path, command, module, out, shown(module.FLAGS)).encode())
    return 0


def command_page(
    path: str, command: Command, module: ModuleType, out: Output, defaults: Mapping[str, Any] | None = None
) -> str:
    """The page of one command. ``defaults``: of flags, by key, instead of their own."""
    page = Page(out)
    page.summary(command.summary)
    description = getattr(module, "DESCRIPTION", "")
    if description:
        page.head("Description")
        page.text(description)
    page.head("Usage")
    page.verbatim(f"skerry {path} {getattr(module, 'USAGE', '')}".rstrip())
    others = [other for other in (canonical(command), *command.also) if other != path]
    if others:
        page.head("Aliases")
        page.text(", ".join(f"skerry {other}" for other in others))
    _examples(page, getattr(module, "EXAMPLES", ()))
    flags = [it for it in module.FLAGS if not it.hidden]
    if flags:
        page.head("Options")
        page.pairs(
            [*flag_pairs(flags, defaults or {}), ("-h, --help" if _free_h(flags) else "    --help", "Show this page")]
        )
    page.head("See also")
    page.text(_see_also(path, module))
    return str(page)


def _free_h(flags: Sequence[Flag]) -> bool:
    return all(it.short != "h" for it in flags)


def _examples(page: Page, examples: Sequence[tuple[str, str]]) -> None:
    if not examples:
        return
    page.head("Examples")
    for position, (line, meaning) in enumerate(examples):
        if position:
            page.verbatim("")
        page.text(f"# {meaning}")
        page.verbatim(line)


def _see_also(path: str, module: ModuleType) -> str:
    named = [f"skerry {other} --help" for other in getattr(module, "SEE_ALSO", ())]
    group = path.rpartition(" ")[0]
    parent = f"skerry {group} --help" if group else "skerry --help"
    return ", ".join([*named, f"{parent} (the global options)" if not group else parent])


def flag_pairs(flags: Sequence[Flag], defaults: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Flags as they are shown in help: how to type them, and what they do."""
    given = defaults or {}
    return [(_typed(it), _meaning(it, given.get(it.key, it.default))) for it in sorted(flags, key=lambda it: it.name)]


def _typed(it: Flag) -> str:
    head = f"-{it.short}, --{it.name}" if it.short else f"    --{it.name}"
    if it.kind in ("bool", "count"):
        return head
    metavar = it.metavar or METAVARS[it.kind]
    return f"{head}[={metavar}]" if it.without_value is not None else f"{head} {metavar}"


def _meaning(it: Flag, default: Any) -> str:
    text = it.help
    if it.choices and not all(choice in text for choice in it.choices):
        text += f" ({' | '.join(it.choices)})"
    if it.kind in ("list", "slice") and "repeated" not in text:
        text += " (may be repeated)"
    shown = default_text(default)
    if shown and "(default" not in text:
        text += f" (default {shown})"
    return f"{text} (deprecated: {it.deprecated})" if it.deprecated else text


def default_text(default: Any) -> str:
    """The default as help shows it; empty where nothing is to be shown."""
    if default in (None, "", False, 0, (), []):
        return ""
    if default is True:
        return "true"
    if isinstance(default, (list, tuple)):
        return ",".join(map(str, default))
    return f'"{default}"' if isinstance(default, str) else str(default)


# Groups


def show_group(path: str, rest: Sequence[str], out: Output, *, asked: bool, top: Args | None = None) -> int:
    """Print the list of a group's commands, or say that ``rest`` names none of them."""
    full = f"{spoken_name()} {path}" if path else spoken_name()
    if rest:
        raise unrecognized(path, rest[0])
    out.raw(group_page(path, out, remote=_names_another(top)).encode())
    if not asked:
        raise UsageError(f"missing command '{full} COMMAND'")
    return 0


def _names_another(top: Args | None) -> bool:
    """Whether another machine's service is named already, so that --remote says nothing new."""
    if os.environ.get("CONTAINER_HOST") or os.environ.get("CONTAINER_CONNECTION"):
        return True
    return top is not None and (top.given("url") or top.given("connection"))


def unrecognized(group: str, word: str) -> UsageError:
    """The error for a word that is no command, with those that it may have been meant for."""
    from skerry.cli.suggest import nearest

    full = f"{spoken_name()} {group}" if group else spoken_name()
    names = [n for first, (_, others) in names_in(group).items() for n in (first, *others)]
    names += [g.rpartition(" ")[2] for g in GROUPS if g.rpartition(" ")[0] == group]
    found = nearest(word, names)
    trailer = f"Try '{full} --help' for more information"
    if found:
        trailer = "\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in found) + "\n" + trailer
    return UsageError(f"unrecognized command `{full} {word}`", trailer)


def group_page(path: str, out: Output, *, remote: bool = False) -> str:
    """The page of a group; ``""`` is Skerry itself. ``remote``: --remote is what happens anyway."""
    page = Page(out)
    page.summary(GROUPS[path] if path else "Manage pods, containers and images")
    page.head("Description")
    page.text(
        f"{GROUPS[path]}. 'skerry {path} COMMAND --help' tells about each." if path else
        "A daemonless container engine with Podman's commands. 'skerry COMMAND --help' tells about each."
    )  # fmt: skip
    page.head("Usage")
    page.verbatim(f"skerry {path} [command]" if path else "skerry [options] [command]")
    pairs = []
    for name, (command, others) in names_in(path).items():
        also = [other for other in others if other != name]
        pairs.append((name, command.summary + (f" (also: {', '.join(also)})" if also else "")))
    pairs += [(g.rpartition(" ")[2], summary) for g, summary in GROUPS.items() if g.rpartition(" ")[0] == path]
    page.head("Available Commands")
    page.pairs(sorted(pairs))
    if not path:
        page.head("Options")
        shown = [it for it in LISTED_FLAGS if not (remote and it.key == "remote")]
        page.pairs([*flag_pairs(shown), ("-h, --help", "Show this page")])
    return str(page)


def show(words: Sequence[str], out: Output) -> int:
    """``skerry help WORDS``."""
    from skerry.cli.main import load

    path = " ".join(words)
    command = lookup(path)
    if command is not None:
        return show_command(path, command, load(command), out)
    if path in GROUPS or not words:
        return show_group(path, (), out, asked=True)
    group = path.rpartition(" ")[0]
    raise unrecognized(group if group in GROUPS else "", words[-1] if group in GROUPS else words[0])
