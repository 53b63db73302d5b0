"""Checks of what is written, whatever the variables' values are."""

from __future__ import annotations

from skerry.build.checks import rules
from skerry.build.language import instructions as typed
from skerry.build.language.splitting import BLANKS
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from skerry.build.checks.findings import Findings
    from skerry.build.language.ast import Dockerfile, Instruction
    from skerry.build.language.instructions import Stage

_RESERVED = ("context", "scratch")


def check_structure(dockerfile: Dockerfile, stages: Sequence[Stage], findings: Findings) -> None:
    """Casing, names of stages, instructions that come twice, old forms, comments."""
    for instruction in dockerfile.instructions:
        if instruction.empty_continuation:
            place = instruction.position
            findings.add(rules.NO_EMPTY_CONTINUATION, replace(place, line=place.end_line))  # as BuildKit: the end
    _casing(dockerfile.instructions, findings)
    _stage_names(stages, findings)
    for stage in stages:
        _from(stage, findings)
        _repeated(stage, findings)
        for command in stage.commands:
            _command(command, findings)
    for instruction in dockerfile.instructions:
        if instruction.keyword == "ARG":
            _arguments_description(instruction, findings)


def _is_plain(word: str) -> bool:
    return word in (word.lower(), word.upper())


def _casing(instructions: Iterable[Instruction], findings: Findings) -> None:
    words = [(instruction.raw_keyword, instruction) for instruction in instructions]
    lower = sum(word == word.lower() for word, _ in words)
    upper = sum(word == word.upper() for word, _ in words)
    right = "lowercase" if lower > upper else "uppercase"
    for word, instruction in words:
        wanted = word.lower() if lower > upper else word.upper()
        if word != wanted:
            findings.add(rules.CONSISTENT_INSTRUCTION_CASING, instruction.position, word, right)


def _stage_names(stages: Sequence[Stage], findings: Findings) -> None:
    seen: set[str] = set()
    for stage in stages:
        if stage.name is None:
            continue
        position = stage.from_.instruction.position
        if stage.name in _RESERVED:
            findings.add(rules.RESERVED_STAGE_NAME, position, stage.name)
        if stage.name in seen:
            findings.add(rules.DUPLICATE_STAGE_NAME, position, stage.name)
        seen.add(stage.name)


def _from(stage: Stage, findings: Findings) -> None:
    instruction = stage.from_.instruction
    if stage.name is None:
        return
    _image, as_word, name = BLANKS.split(instruction.text)
    if name != stage.name:
        findings.add(rules.STAGE_NAME_CASING, instruction.position, name)
    keyword = instruction.raw_keyword
    wanted = as_word.lower() if keyword == keyword.lower() else as_word.upper()
    if _is_plain(keyword) and as_word != wanted:
        findings.add(rules.FROM_AS_CASING, instruction.position, as_word, keyword)
    _description(instruction, "FROM", [stage.name], findings)


def _arguments_description(instruction: Instruction, findings: Findings) -> None:
    names = [word.partition("=")[0] for word in BLANKS.split(instruction.text)]
    _description(instruction, "ARG", names, findings)


def _description(instruction: Instruction, kind: str, names: list[str], findings: Findings) -> None:
    if instruction.comments and instruction.comments[-1].split(" ")[0] not in names:
        shown = names[0] if len(names) == 1 else "<arg_key>"
        findings.add(rules.INVALID_DEFINITION_DESCRIPTION, instruction.position, kind, shown)


def _repeated(stage: Stage, findings: Findings) -> None:
    last: dict[str, Instruction] = {}
    for command in stage.commands:
        if isinstance(command, (typed.Cmd, typed.Entrypoint, typed.Healthcheck)):
            instruction = command.instruction
            if (earlier := last.get(instruction.keyword)) is not None:  # the earlier one is without effect
                word = instruction.raw_keyword
                findings.add(rules.MULTIPLE_INSTRUCTIONS_DISALLOWED, earlier.position, word)
            last[instruction.keyword] = instruction


def _command(command: typed.Command, findings: Findings) -> None:
    instruction = command.instruction
    if isinstance(command, typed.Maintainer):
        findings.add(rules.MAINTAINER_DEPRECATED, instruction.position)
    elif isinstance(command, (typed.Env, typed.Label)) and command.old_form:
        findings.add(rules.LEGACY_KEY_VALUE_FORMAT, instruction.position, instruction.keyword)
