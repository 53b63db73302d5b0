"""One stage, instruction by instruction."""

from __future__ import annotations

import time

from skerry.build.arguments import PROXIES
from skerry.build.base_image import from_folder, from_image, in_context, scratch
from skerry.build.checks import rules
from skerry.build.contexts import Context
from skerry.build.early_links import EarlyLinks
from skerry.build.errors import BuildSyntaxError, RunFailed, StepError, WouldRun, syntax_error
from skerry.build.events import Reason, Step, StepDone, StepFailed, StepStarted, Warned
from skerry.build.keys import digest
from skerry.build.language import instructions as typed
from skerry.build.language.commands import command as typed_command
from skerry.build.language.parser import parse_line
from skerry.build.language.words import ExpansionError, expand
from skerry.build.stage_state import StageState, apply_config
from skerry.build.steps import Identity, StepOutcome, StepWork
from skerry.engine.builds.errors import Interrupted
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.plan import Planned
    from skerry.build.solver import Solver
    from skerry.engine.engine import Engine

NOP = "/bin/sh -c #(nop) "


class StageBuilder:
    """Goes through a stage's instructions. One thread's, as its engine."""

    def __init__(self, solver: Solver, engine: Engine, planned: Planned) -> None:
        self.solver, self.engine, self.planned = solver, engine, planned
        self.options = solver.options
        self.state = StageState()
        self._ordinal = 0
        self._in_trigger = False
        self._texts: dict[str, int] = {}

    @property
    def label(self) -> str:
        """The stage's name where there are several."""
        return self.planned.label if len(self.solver.plan.needed) > 1 or self.planned.stage.name else ""

    def build(self) -> StageState:
        """The stage's end."""
        commands = list(self.planned.stage.commands)
        self.early = EarlyLinks(self, commands)
        try:
            return self._build(commands)
        finally:
            self.early.end()

    def _build(self, commands: list[typed.Command]) -> StageState:
        start = self._step(self._from(), 1, len(commands) + 1, self.planned.stage.from_)
        self.solver.check_cancelled()
        began = time.monotonic()
        self.solver.tell(StepStarted(start))
        try:
            with self.early:
                self.state = self._base()
            triggers = self._triggers()
        except SkerryError as error:
            self._failed(start, error)
            if not hasattr(error, "position"):
                error.position = self.planned.stage.from_.instruction.position  # type: ignore[attr-defined]
            raise
        self.solver.tell(StepDone(start, cached=False, seconds=time.monotonic() - began))
        self.state.args = {}
        self._given_env()
        total = len(commands) + len(triggers) + 1
        whole = [*triggers, *commands]
        for number, command in enumerate(whole, 2):
            self.solver.check_cancelled()
            self._in_trigger = number < len(triggers) + 2
            try:
                self._do(command, self._step(command.instruction.original, number, total, command))
            except WouldRun:
                self._would_follow(whole[number - 1 :], number + 1, total)
                raise
        return self.state

    def _given_env(self) -> None:
        """--env: as an ENV at the beginning of each stage."""
        for name, value in self.options.env.items():
            self.state.set_env(name, value)
        if self.options.env:
            self.state.note(f"{NOP}ENV {' '.join(f'{name}={value}' for name, value in self.options.env.items())}")

    def _from(self) -> str:
        """FROM as it was understood: with the variables' values, and with --from's image."""
        planned, from_ = self.planned, self.planned.stage.from_
        platform = f"--platform={planned.platform} " if from_.platform is not None else ""
        name = f" AS {from_.instruction.text.split()[-1]}" if from_.name else ""
        return f"FROM {platform}{planned.image}{name}"

    def _would_follow(self, commands: list[typed.Command], first: int, total: int) -> None:
        """``--explain``: what stands on a step that would be done would be done, too."""
        for number, command in enumerate(commands, first):
            if isinstance(command, (typed.Run, typed.Copy, typed.Add, typed.Workdir)):
                step = self._step(command.instruction.original, number, total, command)
                self.solver.tell(
                    StepDone(step, cached=False, seconds=0, reason=Reason("a step before it would be done anew"))
                )

    def _step(self, text: str, number: int, total: int, command: typed.Command | typed.From) -> Step:
        platform = self.solver.platform if self.solver.several_platforms else ""
        of = self.solver.plan.target + 1
        return Step(
            self.solver.number(), self.label, number, total, text, command.instruction.position, platform,
            f"{self.planned.stage.index + 1}/{of}" if of > 1 else "",
            tuple(_summary(heredoc.text) for heredoc in command.instruction.heredocs),
        )  # fmt: skip

    def _base(self) -> StageState:
        planned = self.planned
        for index in planned.after:
            self.solver.result(index)
        if planned.base is not None:
            return self.solver.result(planned.base).copy()
        if planned.image == "scratch":
            return scratch(planned.platform)
        named = self.solver.contexts.named(planned.image)
        with self.solver.working:
            if isinstance(named, Context):
                return from_folder(self.engine, named, planned.image, planned.platform)
            name = named.reference if named is not None else in_context(self.solver.contexts, planned.image)
            if name == "scratch":
                return scratch(planned.platform)
            state = from_image(self.engine, name, planned.platform, self.options)
        self._check_platform(name, state)
        return state

    def _check_platform(self, name: str, state: StageState) -> None:
        """Only here it is known what a base is for: a registry may have had but this one."""
        wanted, document = self.planned.platform, state.document
        found = "/".join(document[key] for key in ("os", "architecture", "variant") if document.get(key))
        if found.split("/")[:2] != wanted.split("/")[:2]:
            position = self.planned.stage.from_.instruction.position
            self.solver.warn(rules.INVALID_BASE_IMAGE_PLATFORM, position, name, found, wanted)

    def _triggers(self) -> list[typed.Command]:
        """The base's ONBUILD instructions, which this build carries out."""
        texts = self.state.config.pop("OnBuild", None) or []
        if self.planned.base is not None and not texts:
            return []
        found: list[typed.Command] = []
        for text in texts:
            instruction = parse_line(text, self.planned.stage.from_.instruction.position, "\\")
            command = typed_command(instruction)
            if isinstance(command, typed.From):
                raise syntax_error("FROM isn't allowed as an ONBUILD trigger", instruction.position)
            found.append(command)
        return found

    def _do(self, command: typed.Command, step: Step) -> None:
        self.solver.tell(StepStarted(step))
        began = time.monotonic()
        try:
            outcome = self._carry_out(command, step)
        except ExpansionError as error:
            located = syntax_error(error.message, command.instruction.position, source=command.instruction.source)
            self._failed(step, located)
            raise located from None
        except WouldRun as error:
            self.solver.tell(StepDone(step, cached=False, seconds=0, reason=error.reason))
            raise
        except (Interrupted, RunFailed, BuildSyntaxError) as error:
            self._failed(step, error)
            raise
        except SkerryError as error:
            self._failed(step, error)
            raise StepError(command.instruction.original, error, command.instruction.position) from error
        self.solver.count(cached=outcome.cached)
        seconds = time.monotonic() - began
        self.solver.tell(StepDone(step, outcome.cached, seconds, outcome.reason, outcome.layer or "", outcome.imported))

    def _failed(self, step: Step, error: SkerryError) -> None:
        if isinstance(error, Interrupted):
            return
        output = getattr(error, "output", b"")
        code = getattr(error, "program_exit_code", 0)
        lines = error.source if isinstance(error, BuildSyntaxError) else ()
        self.solver.tell(StepFailed(step, code, error.message, output, lines))

    def _carry_out(self, command: typed.Command, step: Step) -> StepOutcome:
        if isinstance(command, typed.Arg):
            return self._arg(command)
        state = self.state
        if apply_config(state, command, state.variables()):
            state.note(NOP + command.instruction.original)
            return StepOutcome(cached=True)
        skip = self.options.no_cache or self._filtered()
        return StepWork(self, step, self._identify(command), no_cache=skip).do(command)

    def _identify(self, command: typed.Command) -> Identity:
        """Which step it is, to find what it was the last time: by its text, else by its place in the stage."""
        self._ordinal += 1
        text = command.instruction.original
        self._texts[text] = self._texts.get(text, 0) + 1
        target = self.solver.platform if self.solver.plan.asks_platform(self.planned.stage.index) else ""
        stage = [self.solver.identity, self.planned.label, self.planned.platform, target]
        return Identity(digest([*stage, text, self._texts[text]]), digest([*stage, self._ordinal]))

    def _filtered(self) -> bool:
        names = [name.lower() for name in self.options.no_cache_filter]
        return self.planned.stage.name in names or str(self.planned.stage.index) in names

    def _arg(self, command: typed.Arg) -> StepOutcome:
        """Declare: the caller's value, else the default, else what the ARG before FROM or the platform gives."""
        plan = self.solver.plan
        for name, default in command.pairs:
            name = expand(name, self.state.variables(), escape=command.instruction.escape).text
            value = plan.arguments.get(name)
            self.solver.use_argument(name)
            if value is None and default is not None:
                value = expand(default, self.state.variables(), escape=command.instruction.escape).text
            elif value is None:
                value = plan.meta.get(name, plan.builtin.get(name))
                self.state.asked_platform |= self._in_trigger and name in {**plan.meta, **plan.builtin}
            if value is not None and name not in PROXIES:
                self.state.args[name] = value
            if value is None and name not in PROXIES and name != "SOURCE_DATE_EPOCH":
                text = f'missing "{name}" build argument. Try adding "--build-arg {name}=<VALUE>" to the command line'
                self.solver.tell(Warned("", text))
        self.state.note(NOP + command.instruction.original)
        return StepOutcome(cached=True)


def _summary(text: str) -> str:
    """A heredoc's first line, as Podman shows it."""
    lines = text.strip().splitlines() or [""]
    return lines[0] + ("..." if lines[1:] else "")
