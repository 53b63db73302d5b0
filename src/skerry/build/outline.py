"""What a Containerfile offers: its targets, and the arguments, secrets and ssh agents that one of them takes.

The documents are BuildKit's (subrequests ``frontend.targets`` and ``frontend.outline``): ``--call`` prints them as JSON.
A comment above an instruction that begins with a name describes it: ``# release is what is shipped``.
"""

from __future__ import annotations

import re

from skerry.build.language import instructions as typed
from skerry.build.language.mounts import MountError, parse_mount
from skerry.build.language.stages import parse_stage_list
from skerry.build.language.words import ExpansionError, expand
from skerry.build.plan import needed_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from skerry.build.language.ast import Dockerfile, Instruction, Position
    from skerry.build.plan import Plan

_NAMES = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def targets_of(dockerfile: Dockerfile) -> dict[str, Any]:
    """``{"targets": [{"name", "default", "description", "base", "platform", "location"}], "sources": [TEXT]}``; keys
    without a value are left out."""
    _, stages = parse_stage_list(dockerfile)
    found = []
    for stage in stages:
        from_ = stage.from_
        found.append(_filled({
            "name": stage.name or "", "default": stage is stages[-1],
            "description": _comment(from_.instruction, stage.name or ""), "base": from_.image,
            "platform": from_.platform or "", "location": _location(from_.instruction),
        }))  # fmt: skip
    return {"targets": found, "sources": list(sources_of(dockerfile.sources).values())}


def outline_of(dockerfile: Dockerfile, plan: Plan) -> dict[str, Any]:
    """``{"name", "description", "args": [{"name", "description", "value", "location"}], "secrets": [{"name", "required",
    "location"}], "ssh": […], "cache": [{"ID", "location"}], "sources": [TEXT]}`` of the plan's target and what it needs."""
    meta_args, stages = parse_stage_list(dockerfile)
    target = stages[plan.target]
    needed = [stages[index] for index in needed_by(plan.stages, plan.target)]
    return _filled({
        "name": target.name or "", "description": _comment(target.from_.instruction, target.name or ""),
        "args": _sorted(_arguments(meta_args, needed, plan)),
        "secrets": _sorted(_mounts(needed, plan, "secret").values()),
        "ssh": _sorted(_mounts(needed, plan, "ssh").values()),
        "cache": _sorted(
            {"ID": item["name"], "location": item["location"]} for item in _mounts(needed, plan, "cache").values()
        ),
        "sources": list(sources_of(dockerfile.sources).values()),
    })  # fmt: skip


def _arguments(meta_args: Iterable[typed.Arg], stages: list[typed.Stage], plan: Plan) -> list[dict[str, Any]]:
    """Those that the stages declare, and the global ones that they stand on."""
    declared = {name: (arg, default) for arg in meta_args for name, default in arg.pairs}
    found: dict[str, dict[str, Any]] = {}
    wanted: list[str] = []
    for stage in stages:
        wanted += _NAMES.findall(f"{stage.from_.image} {stage.from_.platform or ''}")
        variables = {**plan.builtin, **plan.meta}
        for command in stage.commands:
            if not isinstance(command, typed.Arg):
                continue
            for name, default in command.pairs:
                if default is None and (name in declared or name in plan.builtin):
                    wanted.append(name)  # described where it is declared for all stages, if anywhere
                    continue
                value = plan.arguments.get(name, _value(default, variables, command.instruction.escape))
                variables[name] = value
                found.setdefault(name, _argument(command.instruction, name, value))
    while wanted:
        name = wanted.pop()
        if name in declared and name not in found:
            arg, default = declared[name]
            found[name] = _argument(arg.instruction, name, plan.meta.get(name, ""))
            wanted += _NAMES.findall(default or "")
    return list(found.values())


def _argument(instruction: Instruction, name: str, value: str) -> dict[str, Any]:
    item = {
        "name": name,
        "description": _comment(instruction, name),
        "value": value,
        "location": _location(instruction),
    }
    return _filled(item)


def _value(default: str | None, variables: Mapping[str, str], escape: str) -> str:
    try:
        return expand(default or "", variables, escape=escape).text
    except ExpansionError:  # of a variable that must be set: said when it is built
        return default or ""


def _mounts(stages: list[typed.Stage], plan: Plan, kind: str) -> dict[str, dict[str, Any]]:
    """The mounts of a kind by their ids, where they are first asked for; required if any of them is."""
    found: dict[str, dict[str, Any]] = {}
    for stage in stages:
        variables: dict[str, str] = {}
        for command in stage.commands:
            variables.update(_declared(command, variables, plan))
            for mount in _expanded(command, variables) if isinstance(command, typed.Run) else ():
                if mount.type == kind:
                    name = _id_of(mount)
                    item = found.setdefault(name, {"name": name, "location": _location(command.instruction)})
                    if mount.required:
                        item["required"] = True
    return found


def _declared(command: typed.Command, variables: Mapping[str, str], plan: Plan) -> dict[str, str]:
    """The variables that an ARG or ENV adds."""
    if isinstance(command, typed.Env):
        return {name: _value(value, variables, command.instruction.escape) for name, value in command.pairs}
    if not isinstance(command, typed.Arg):
        return {}
    outer = {**plan.builtin, **plan.meta}
    return {
        name: plan.arguments.get(name, _value(default, variables, command.instruction.escape) or outer.get(name, ""))
        for name, default in command.pairs
    }


def _expanded(command: typed.Run, variables: Mapping[str, str]) -> list[typed.Mount]:
    """Its mounts; one whose variables are only known when it is built stays as it is written."""
    found = []
    for mount in command.mounts:
        try:
            found.append(parse_mount(mount.text, lambda text: _value(text, variables, command.instruction.escape)))
        except MountError:
            found.append(mount)
    return found


def _id_of(mount: typed.Mount) -> str:
    """Its id; without one a secret is known by its file, a cache by its place."""
    if mount.type == "secret":
        return mount.id or (mount.source or mount.target).rpartition("/")[2]
    return mount.id or (mount.target if mount.type == "cache" else "default")


def _comment(instruction: Instruction, name: str) -> str:
    """What the comment above says of a name: the rest of the line that begins with it."""
    for line in instruction.comments:
        if name and line.startswith(name + " "):
            return line.removeprefix(name + " ")
    return ""


def _location(instruction: Instruction) -> dict[str, Any]:
    return location_of(instruction.position)


def location_of(position: Position) -> dict[str, Any]:
    """``{"ranges": [{"start": {"line"}, "end": {"line"}}]}``."""
    return ranges_of(position.line, position.end_line)


def ranges_of(first: int, last: int) -> dict[str, Any]:
    """`location_of` for lines."""
    return {"ranges": [{"start": {"line": first}, "end": {"line": last}}]}


def sources_of(files: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """The text of each file, base64 as Go's JSON has bytes."""
    from base64 import b64encode

    texts = {name: "".join(line + "\n" for line in lines) for name, lines in files.items()}
    return {name: b64encode(text.encode("utf-8", "surrogateescape")).decode() for name, text in texts.items()}


def _sorted(items: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(items, key=lambda item: item["location"]["ranges"][0]["start"]["line"])


def _filled(document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if value}
