"""Stages can only take files of those before them: what a command takes from, and who asks for a later one."""

from __future__ import annotations

import re

from skerry.build.errors import syntax_error
from skerry.build.language import instructions as typed
from skerry.build.language.words import expand

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from skerry.build.plan import Planned

_FROM = re.compile(r"(?:^|,)from=([^,]*)", re.IGNORECASE)  # of a mount with variables, which is parsed only later


def origins(command: typed.Command) -> list[str]:
    """What a command copies from or mounts, as it is named (with variables)."""
    if isinstance(command, typed.Copy):
        return [command.from_] if command.from_ else []
    if isinstance(command, typed.Run):
        found = [_FROM.search(mount.text) if "$" in mount.text else None for mount in command.mounts]
        named = [match[1] if match else mount.from_ for match, mount in zip(found, command.mounts, strict=True)]
        return [name for name in named if name]
    return []


def check_order(
    planned: Sequence[Planned], needed: Collection[int], overridden: Collection[str], variables: Mapping[str, str]
) -> None:
    """`BuildSyntaxError` where stages need each other, or a stage that is to be built needs a later one."""
    later = _later(planned, overridden, variables)
    for index, wanted in later.items():
        for name, command in wanted:
            if _reaches(planned, later, _index(planned, name), index):
                message = f"circular dependency detected on stage: {planned[index].label}"
                raise _error(message, command, _hint(name, command))
    for index in sorted(set(needed) & later.keys()):
        (name, command), *_ = later[index]
        here = planned[index].stage.name or ""
        if isinstance(command, typed.Copy):
            raise _error(
                f'cannot copy from stage "{name}", it needs to be defined before current stage "{here}"', command,
                _hint(name, command),
            )  # fmt: skip
        raise _error(f'cannot mount from stage "{name}", stage needs to be defined before current command', command)


def _later(
    planned: Sequence[Planned], overridden: Collection[str], variables: Mapping[str, str]
) -> dict[int, list[tuple[str, typed.Command]]]:
    """For each stage the names of stages after it (or its own) that it takes files of."""
    found: dict[int, list[tuple[str, typed.Command]]] = {}
    for each in planned:
        before = {other.stage.name for other in planned[: each.stage.index]}
        after = {other.stage.name for other in planned[each.stage.index :]} - before - set(overridden)
        for command in each.stage.commands:
            for origin in origins(command):
                name = expand(origin, variables, escape=command.instruction.escape).text.lower()
                if name in after:
                    found.setdefault(each.stage.index, []).append((name, command))
    return found


def _index(planned: Sequence[Planned], name: str) -> int:
    return next(each.stage.index for each in reversed(planned) if each.stage.name == name)


def _reaches(
    planned: Sequence[Planned], later: Mapping[int, list[tuple[str, typed.Command]]], start: int, goal: int
) -> bool:
    waiting, seen = [start], set[int]()
    while waiting:
        index = waiting.pop()
        if index == goal:
            return True
        if index not in seen:
            seen.add(index)
            waiting += [*planned[index].needs, *(_index(planned, name) for name, _ in later.get(index, ()))]
    return False


def _hint(name: str, command: typed.Command) -> str:
    """Podman's words for it."""
    return f"COPY --from={name}: no stage or image found with that name" if isinstance(command, typed.Copy) else ""


def _error(text: str, command: typed.Command, hint: str = "") -> Exception:
    return syntax_error(text, command.instruction.position, hint=hint, source=command.instruction.source)
