"""BuildKit's checks on a build's Containerfile: alone (``--call=check``), and before its stages are built."""

from __future__ import annotations

from skerry.build.arguments import given
from skerry.build.checks.check import check, check_until, fail_if_wanted
from skerry.build.containerfiles import read_containerfiles
from skerry.build.contexts import open_contexts
from skerry.build.errors import BuildSyntaxError
from skerry.build.language.parser import join, lines_of, parse
from skerry.build.language.stages import parse_stage_list
from skerry.build.plan import make_plan
from skerry.build.platforms import target_of
from skerry.errors import SkerryError
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.build.containerfiles import Containerfile
    from skerry.build.contexts import Contexts
    from skerry.build.events import Event, Warned
    from skerry.build.language.ast import Dockerfile
    from skerry.build.options import BuildOptions
    from skerry.build.plan import Plan
    from skerry.engine.engine import Engine


@dataclass(slots=True)
class Found:
    """What the checks found; ``error``: why no build could begin. ``sources``: each file's lines. ``parsed``: the
    Containerfile is one, whatever is wrong with it."""

    sources: dict[str, tuple[str, ...]]
    warnings: list[Warned] = field(default_factory=list)
    error: SkerryError | None = None
    parsed: bool = False


def findings(engine: Engine, options: BuildOptions) -> Found:
    """What the checks find in a Containerfile; nothing is built. Without a target all stages are looked at."""
    with open_contexts(engine, options, lambda _event: None) as contexts:
        files = read_containerfiles(engine, options, contexts)
        found = Found({item.name: lines_of(item.data) for item in files})
        try:
            _look(engine, options, contexts, files, found)
        except SkerryError as error:
            found.error = error
        return found


def _look(
    engine: Engine, options: BuildOptions, contexts: Contexts, files: Sequence[Containerfile], found: Found
) -> None:
    dockerfile = join(parse(item.data, item.name) for item in files)
    try:
        parse_stage_list(dockerfile)
        found.parsed = True
        plan = make_plan(dockerfile, options, target_of(options))
    except BuildSyntaxError as error:
        found.warnings = check_until(dockerfile, error, given(options))
        raise
    needed = plan.needed if options.target else None
    found.warnings = _run(engine, contexts, dockerfile, plan, needed)
    fail_if_wanted(dockerfile, plan.arguments, found.warnings)


def planned(dockerfile: Dockerfile, options: BuildOptions, platform: str, report: Callable[[Event], None]) -> Plan:
    """What is to be built. `BuildSyntaxError`, after the findings on what stands before the error."""
    try:
        return make_plan(dockerfile, options, platform)
    except BuildSyntaxError as error:
        for warning in check_until(dockerfile, error, given(options)):
            report(warning)
        raise


def checked(
    engine: Engine, contexts: Contexts, dockerfile: Dockerfile, plan: Plan, report: Callable[[Event], None]
) -> list[Warned]:
    """Report what is found before a build. `Invalid` when that is said to be an error."""
    warnings = _run(engine, contexts, dockerfile, plan, plan.needed)
    for warning in warnings:
        report(warning)
    fail_if_wanted(dockerfile, plan.arguments, warnings)
    return warnings


def _run(
    engine: Engine, contexts: Contexts, dockerfile: Dockerfile, plan: Plan, needed: Sequence[int] | None
) -> list[Warned]:
    def base_config(name: str) -> dict[str, Any] | None:
        try:
            return engine.images.resolve(name)["config"]
        except SkerryError:  # not here, or a stage's number that looks like the beginning of ids
            return None

    meta_args, stages = parse_stage_list(dockerfile)
    return check(
        dockerfile, meta_args, stages, arguments=plan.arguments, meta=plan.meta, builtin=plan.builtin,
        base_config=base_config, needed=needed, ignored=contexts.main.patterns,
    )  # fmt: skip
