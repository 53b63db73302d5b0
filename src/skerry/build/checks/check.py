"""All checks of a Containerfile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from skerry.build.arguments import platform_arguments
from skerry.build.checks.bases import check_bases
from skerry.build.checks.findings import Findings
from skerry.build.checks.settings import ARGUMENT, CheckSettings, parse_settings
from skerry.build.checks.structure import check_structure
from skerry.build.checks.variables import StageCheck, StageWalk
from skerry.build.errors import BuildSyntaxError
from skerry.build.language.stages import parse_stage_list
from skerry.build.language.words import ExpansionError, expand
from skerry.build.platforms import host
from skerry.errors import Invalid
from skerry.records import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.events import Warned
    from skerry.build.language.ast import Dockerfile, Instruction
    from skerry.build.language.ignore import Patterns
    from skerry.build.language.instructions import Arg, Stage

# An image's config (``Env``, ``WorkingDir``, ``Shell``) by its name; None when it is not at hand.
BaseConfig = Callable[[str], "Mapping[str, Any] | None"]


def settings_of(dockerfile: Dockerfile, arguments: Mapping[str, str]) -> CheckSettings:
    """What the build argument says, else the directive. `Invalid`, with its place if it has one."""
    if ARGUMENT in arguments:
        return parse_settings(arguments[ARGUMENT])
    directive = dockerfile.directives.get("check")
    if directive is None:
        return CheckSettings()
    try:
        return parse_settings(directive.value)
    except Invalid as error:
        raise BuildSyntaxError(
            error.message, file=dockerfile.file, line=directive.line,
            source=dockerfile.lines[directive.line - 1 : directive.line],
        ) from None  # fmt: skip


def check(
    dockerfile: Dockerfile,
    meta_args: Sequence[Arg],
    stages: Sequence[Stage],
    *,
    arguments: Mapping[str, str],
    meta: Mapping[str, str],
    builtin: Mapping[str, str],
    base_config: BaseConfig,
    needed: Iterable[int] | None = None,
    ignored: Patterns | None = None,
) -> list[Warned]:
    """What BuildKit's checks find.

    ``arguments`` are the caller's, ``meta`` the values of the ARGs before FROM, ``builtin`` the
    platform's. Variables are only followed in the stages that are ``needed`` (None: all).
    """
    findings = Findings(settings_of(dockerfile, arguments))
    check_structure(dockerfile, stages, findings)
    check_bases(meta_args, stages, findings, values=meta, builtin=builtin)
    outer = {**builtin, **meta}
    walks: dict[int, StageWalk] = {}
    wanted = set(range(len(stages)) if needed is None else needed)
    for stage in stages:
        if stage.index not in wanted:
            continue
        walk = walks[stage.index] = _start(stage, stages, walks, outer, base_config)
        StageCheck(walk, findings, given=arguments, outer=outer, ignored=ignored).run(stage)
    return findings.warnings


def check_until(dockerfile: Dockerfile, error: BuildSyntaxError, arguments: Mapping[str, str]) -> list[Warned]:
    """What can be said of a Containerfile that has an error: how it is written, up to an instruction that is none."""
    findings = Findings(settings_of(dockerfile, arguments))
    try:
        meta_args, stages = parse_stage_list(dockerfile)
    except BuildSyntaxError:
        dockerfile = replace(dockerfile, instructions=tuple(_before(dockerfile, error)))
        if any(instruction.keyword == "FROM" for instruction in dockerfile.instructions):
            check_structure(dockerfile, parse_stage_list(dockerfile)[1], findings)
    else:
        check_structure(dockerfile, stages, findings)
        values = {name: arguments.get(name, value or "") for arg in meta_args for name, value in arg.pairs}
        check_bases(meta_args, stages, findings, values=values, builtin=platform_arguments(host(), host()))
    return findings.warnings


def _before(dockerfile: Dockerfile, error: BuildSyntaxError) -> Iterable[Instruction]:
    for instruction in dockerfile.instructions:
        place = instruction.position
        if place.file == error.file and place.line <= error.line <= place.end_line:
            break
        yield instruction


def fail_if_wanted(dockerfile: Dockerfile, arguments: Mapping[str, str], warnings: Iterable[Warned]) -> None:
    """`Invalid` when ``error=true`` and something was found."""
    found = sorted({warning.rule for warning in warnings if warning.rule})
    if found and settings_of(dockerfile, arguments).error:
        raise Invalid(f"lint violation found for rules: {', '.join(found)}")


def _start(
    stage: Stage, stages: Sequence[Stage], walks: Mapping[int, StageWalk], outer: Mapping[str, str], config: BaseConfig
) -> StageWalk:
    """The variables at a stage's beginning: those of the stage that it is FROM, or of the image."""
    try:
        image = expand(stage.from_.image, outer, escape=stage.from_.instruction.escape).text
    except ExpansionError:
        return StageWalk(None, workdir_set=False, shell_set=False)
    for other in reversed(stages[: stage.index]):
        if other.name == image.lower() and other.index in walks:
            base = walks[other.index]
            env = base.env if base.known else None
            return StageWalk(env, workdir_set=base.workdir_set, shell_set=base.shell_set, args=base.args)
    found = {} if image == "scratch" else config(image)
    if found is None:
        return StageWalk(None, workdir_set=False, shell_set=False)
    env = dict(item.partition("=")[::2] for item in found.get("Env") or ())
    return StageWalk(env, workdir_set=False, shell_set=bool(found.get("Shell")))
