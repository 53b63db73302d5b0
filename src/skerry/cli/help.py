"""Help."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

    from skerry.cli.output import Output
    from skerry.cli.table import Command


def show_group(path: str, rest: list[str], out: Output) -> int:
    from skerry.cli.flags import UsageError
    from skerry.cli.table import names_in

    if rest and rest != ["help"]:
        raise UsageError(f"unrecognized command `{'skerry ' + path if path else 'skerry'} {rest[0]}`")
    for name, (command, _) in names_in(path).items():
        out.line(f"  {name:14} {command.summary}")
    return 0


def show_command(path: str, command: Command, module: ModuleType, out: Output) -> int:
    out.line(command.summary)
    return 0
