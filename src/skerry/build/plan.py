"""From a Containerfile's stages to those that are to be built: which the target needs, what each stands on."""

from __future__ import annotations

from skerry.build.arguments import given, platform_arguments
from skerry.build.errors import syntax_error
from skerry.build.language import instructions as typed
from skerry.build.language.stages import parse_stage_list
from skerry.build.language.suggest import did_you_mean
from skerry.build.language.words import ExpansionError, expand
from skerry.build.order import check_order, origins
from skerry.build.platforms import host, normalise
from skerry.errors import NotFound
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.build.language.ast import Dockerfile
    from skerry.build.options import BuildOptions


@dataclass(frozen=True, slots=True)
class Planned:
    """A stage: ``image`` is what it is FROM, expanded; or ``base``, the index of the stage that it is FROM."""

    stage: typed.Stage
    image: str
    base: int | None
    platform: str
    needs: frozenset[int]
    after: tuple[int, ...] = ()  # of those it needs, what is built before it begins

    @property
    def label(self) -> str:
        """How a person calls it."""
        return self.stage.name or str(self.stage.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """All stages, the target's index, those that are needed (in order), and the variables that stages can take on."""

    stages: tuple[Planned, ...]
    target: int
    needed: tuple[int, ...]
    meta: dict[str, str]
    arguments: dict[str, str]
    builtin: dict[str, str]
    used_arguments: set[str] = field(default_factory=set)
    overridden: frozenset[str] = frozenset()  # names of contexts that stand for stages

    def asks_platform(self, index: int) -> bool:
        """Whether a stage takes on a variable of the platforms."""
        return not self.builtin.keys().isdisjoint(self._asked(index))

    def _asked(self, index: int) -> set[str]:
        planned = self.stages[index]
        commands = planned.stage.commands
        asked = {name for command in commands if isinstance(command, typed.Arg) for name, _ in command.pairs}
        asked |= set() if planned.base is None else self._asked(planned.base)
        return asked | self.builtin.keys() if any("$" in name for name in asked) else asked

    def signature(self, index: int) -> object:
        """Equal for plans of other platforms in which this stage is the same."""
        planned, asked = self.stages[index], self._asked(index)
        values = {**self.builtin, **self.meta, **self.arguments}
        variables = tuple(sorted((name, values[name]) for name in asked & values.keys()))
        needs = tuple(self.signature(need) for need in sorted(planned.needs))
        return index, planned.image, planned.platform, variables, needs

    def find(self, name: str, before: int) -> int | None:
        """The stage that ``--from=NAME`` of a stage means: by name, or by number. None: it is an image."""
        wanted = self.named(name, before).lower()
        if wanted in self.overridden:
            return None
        for planned in reversed(self.stages[:before]):
            if planned.stage.name == wanted:
                return planned.stage.index
        if name.isascii() and name.isdigit() and int(name) < before:
            return int(name)
        return None

    def named(self, name: str, before: int) -> str:
        """NAME, or for the number of a stage that a context stands for its name."""
        if name.isascii() and name.isdigit() and int(name) < before:
            stage = self.stages[int(name)].stage.name or ""
            return stage if stage in self.overridden else name
        return name


def make_plan(dockerfile: Dockerfile, options: BuildOptions, platform: str) -> Plan:
    """`BuildSyntaxError` with its place; `NotFound` for a target that is no stage."""
    meta_args, stages = parse_stage_list(dockerfile)
    arguments = given(options)
    builtin = platform_arguments(host(), platform, stage=options.target or stages[-1].name or "")
    meta: dict[str, str] = {}
    used: set[str] = set()
    for arg in meta_args:
        for name, default in arg.pairs:
            value = arguments.get(name)
            if value is not None:
                used.add(name)
            elif default is not None:
                value = _default(arg, default, {**builtin, **meta})
            else:
                value = builtin.get(name)
            if value is not None:
                meta[name] = value
    planned: list[Planned] = []
    for stage in stages:
        planned.append(_planned(stage, planned, {**builtin, **meta}, options, platform))
    target = _target(options.target, planned)
    needed = needed_by(planned, target) if options.skip_unused_stages else tuple(range(target + 1))
    overridden = frozenset(name.lower() for name in options.build_contexts)
    check_order(planned, needed, overridden, {**builtin, **meta})
    return Plan(tuple(planned), target, needed, meta, arguments, builtin, used, overridden)


def _default(arg: typed.Arg, text: str, variables: dict[str, str]) -> str:
    instruction = arg.instruction
    try:
        return expand(text, variables, escape=instruction.escape).text
    except ExpansionError as error:
        raise syntax_error(error.message, instruction.position, source=instruction.source) from None


def _planned(
    stage: typed.Stage, earlier: list[Planned], variables: dict[str, str], options: BuildOptions, platform: str
) -> Planned:
    instruction = stage.from_.instruction
    try:
        image = expand(stage.from_.image, variables, escape=instruction.escape).text
        given_platform = stage.from_.platform
        if given_platform is not None:
            platform = _platform(stage.from_, variables)
    except ExpansionError as error:
        raise syntax_error(error.message, instruction.position, source=instruction.source) from None
    if stage.index == 0 and options.from_:
        image = options.from_
    if not image:
        raise syntax_error(
            f"base name ({stage.from_.image}) should not be blank", instruction.position, source=instruction.source,
            hint="give the ARG before FROM a value: --build-arg NAME=VALUE",
        )  # fmt: skip
    # A context that was given by the caller stands for the stage of its name.
    overridden = {name.lower() for name in options.build_contexts}
    base = None
    if image.lower() not in overridden:
        base = _lookup(image, earlier)  # by number, too, as Podman
    after = tuple(_earlier(name, stage, earlier, variables) for name in stage.from_.after)
    needs = {*after, *(() if base is None else (base,))}
    for command in stage.commands:
        for name in origins(command):
            name = expand(name, variables, escape=command.instruction.escape).text
            found = _lookup(name, earlier)
            if name.lower() in overridden or (found is not None and earlier[found].stage.name in overridden):
                continue
            if found is not None:
                needs.add(found)
    return Planned(stage, image, base, platform, frozenset(needs), after)


def _earlier(name: str, stage: typed.Stage, earlier: list[Planned], variables: dict[str, str]) -> int:
    """The stage that FROM --after=NAME means."""
    instruction = stage.from_.instruction
    name = expand(name, variables, escape=instruction.escape).text
    found = _lookup(name, earlier)
    if found is None:
        own = name.lower() == stage.name or name == str(stage.index)
        problem = "cannot depend on later stage" if own else f'stage "{name}" not found'
        raise syntax_error(f"FROM --after={name}: {problem}", instruction.position, source=instruction.source)
    return found


def _platform(from_: typed.From, variables: dict[str, str]) -> str:
    """What FROM --platform says. No variable of it may be empty: it would be another platform than was meant."""
    given, instruction = from_.platform or "", from_.instruction
    found = expand(given, variables, escape=instruction.escape)
    hint = next(filter(None, (did_you_mean(name, variables) for name in sorted(found.unmatched))), "")
    if not found.text:
        problem = f"empty platform value from expression {given}"
    elif not all(found.text.split("/")):
        problem = f'failed to parse platform {given}: "" is an invalid component of "{found.text}"'
    else:
        return normalise(found.text)
    raise syntax_error(problem, instruction.position, hint=hint, source=instruction.source)


def _lookup(name: str, earlier: list[Planned]) -> int | None:
    for planned in reversed(earlier):
        if planned.stage.name == name.lower():
            return planned.stage.index
    return int(name) if name.isascii() and name.isdigit() and int(name) < len(earlier) else None


def _target(name: str, planned: list[Planned]) -> int:
    if not name:
        return len(planned) - 1
    for each in reversed(planned):
        if each.stage.name == name.lower():
            return each.stage.index
    if name.isascii() and name.isdigit() and int(name) < len(planned):
        return int(name)
    from difflib import get_close_matches

    names = [each.stage.name for each in planned if each.stage.name]
    close = get_close_matches(name.lower(), names, 1)
    raise NotFound(
        f'target stage "{name}" could not be found',
        hint=f"did you mean {close[0]}?" if close else f"stages: {', '.join(names) or '0'}",
    )


def needed_by(planned: Sequence[Planned], target: int) -> tuple[int, ...]:
    """The indices of a stage and of all that it needs, in order."""
    found: set[int] = set()
    waiting = [target]
    while waiting:
        index = waiting.pop()
        if index not in found:
            found.add(index)
            waiting += planned[index].needs
    return tuple(sorted(found))
