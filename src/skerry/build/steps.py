"""The steps that make layers: RUN, COPY, ADD, WORKDIR. Look up, else do once (whoever else wants the same waits)."""

from __future__ import annotations

import time

from skerry.build.copy_step import CopyStep
from skerry.build.errors import WouldRun
from skerry.build.events import Reason, StepOutput
from skerry.build.explain import reason
from skerry.build.language import instructions as typed
from skerry.build.language.words import expand
from skerry.build.order import origins
from skerry.build.run_step import RunStep
from skerry.build.workdir_step import WorkdirStep
from skerry.engine.builds.errors import Changed
from skerry.records import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from skerry.build.events import Step
    from skerry.build.options import BuildOptions
    from skerry.build.solver import Solver
    from skerry.build.stage_builder import StageBuilder
    from skerry.build.stage_state import StageState
    from skerry.engine.builds.types import StepRecord
    from skerry.engine.engine import Engine

    class Work(Protocol):
        """One step's own part."""

        def prepare(self) -> None:
            """Find out all that counts: `key`, `inputs`."""

        key: str
        inputs: dict[str, Any]

        def carry_out(self) -> str | None:
            """Do it: the new layer's chain id, or None when nothing changed."""

        def history(self) -> str:
            """Its line in the history."""

        def close(self) -> None:
            """Let go of what `prepare` opened. Idempotent."""


_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class StepOutcome:
    """What became of a step."""

    cached: bool
    reason: Reason | None = None
    layer: str | None = None
    imported: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Under which names a step's last inputs are kept."""

    text: str
    place: str


class StepWork:
    """One step in its stage."""

    def __init__(
        self, builder: StageBuilder, step: Step, identity: Identity, *, no_cache: bool,
        engine: Engine | None = None, state: StageState | None = None,
    ) -> None:  # fmt: skip
        """``engine``, ``state``: others than the stage's, for what is done beside it."""
        self.builder, self.step, self.identity, self.no_cache = builder, step, identity, no_cache
        self.engine: Engine = engine or builder.engine
        self.solver: Solver = builder.solver
        self.state: StageState = state or builder.state
        self.options: BuildOptions = builder.options

    @property
    def parent(self) -> str:
        """The layer that it stands on."""
        return self.state.layers[-1] if self.state.layers else ""

    @property
    def mtime_ns(self) -> int | None:
        """The time of all files of the step's layer (--timestamp)."""
        return None if self.options.timestamp is None else self.options.timestamp * 10**9

    def output(self, fd: int, data: bytes) -> None:
        """Pass on what a program wrote."""
        self.solver.tell(StepOutput(self.step, fd, data))

    def do(self, command: typed.Command) -> StepOutcome:
        """The layer from the cache or made now; the state goes on with it."""
        work: Work
        if isinstance(command, typed.Run):
            work = RunStep(self, command)
        elif isinstance(command, (typed.Copy, typed.Add)):
            work = CopyStep(self, command)
        else:
            assert isinstance(command, typed.Workdir)
            work = WorkdirStep(self, command)
        self.await_stages(command)
        self.builder.early.wait(command)
        try:
            record, why = self._attempt(work)
        finally:
            work.close()
        if record["layer"] is not None:
            self.state.layers.append(record["layer"])
        self.state.steps.append((record["key"], record["layer"], len(self.state.layers)))
        self.state.note(work.history(), empty=record["layer"] is None, created_ns=record["created_ns"])
        imported = why is None and record["key"] in self.options.imported
        self.options.imported.discard(record["key"])  # from here on it is here
        return StepOutcome(why is None, why, record["layer"], imported)

    def _attempt(self, work: Work) -> tuple[StepRecord, Reason | None]:
        """What it copies may be written to while it is copied: then the key was another content's, and all begins anew."""
        for _ in range(_ATTEMPTS):
            with self.solver.working:
                work.prepare()
            try:
                return self._found(work)
            except Changed as error:
                changed = error
        raise changed

    def await_stages(self, command: typed.Command) -> None:
        """The stages that it takes from, before it takes a place among those that work: they may need that place."""
        for name in origins(command):
            name = expand(name, self.state.variables(), escape=command.instruction.escape).text
            index = self.solver.plan.find(name, self.builder.planned.stage.index)
            if index is not None:
                self.solver.result(index)

    def _found(self, work: Work) -> tuple[StepRecord, Reason | None]:
        builds = self.engine.builds
        oldest = time.time_ns() - self.options.cache_ttl_ns if self.options.cache_ttl_ns else 0
        if (
            not self.no_cache
            and (record := builds.lookup(work.key, above=self.parent))
            and record["created_ns"] >= oldest
        ):
            return record, None
        inputs = {**work.inputs, "base": self.state.base, "base_digest": self.state.base_digest, "parent": self.parent}
        before = builds.latest(self.identity.text) or builds.latest(self.identity.place)
        why = reason(before["inputs"] if before else None, inputs, no_cache=self.no_cache)
        began = time.time_ns()
        with builds.lock_step(work.key, cancelled=self.solver.cancelled), self.solver.working:
            # Another build may have done it while we waited; then even --no-cache has what it wants: it is new.
            record = builds.lookup(work.key, above=self.parent)
            if record is not None and record["created_ns"] >= (began if self.no_cache else oldest):
                return record, None
            if self.options.explain:
                raise WouldRun(why)
            self.solver.check_cancelled()
            layer = work.carry_out()
            place = {"instruction": inputs["instruction"]}  # enough to tell that another one was here
            builds.record(self.identity.place, None, identity=self.identity.place, inputs=place)
            inputs |= work.inputs  # it may know more now
            return builds.record(work.key, layer, identity=self.identity.text, inputs=inputs), why
