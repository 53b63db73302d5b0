"""COPY --link and ADD --link stand on nothing: while a stage waits for its base, they are made already.

What they make is found under their link key when their turn comes, and moved onto the base by hard links. Here nothing is
told and nothing fails: the step itself will."""

from __future__ import annotations

from threading import Event, Thread

from skerry.build.copy_step import CopyStep
from skerry.build.events import Step
from skerry.build.language import instructions as typed
from skerry.build.stage_state import StageState
from skerry.build.steps import Identity, StepWork
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.build.stage_builder import StageBuilder
    from skerry.engine.engine import Engine

_PATIENCE_S = 0.1  # a base that is there sooner leaves nothing to win
_REMOTE = ("http://", "https://", "git@", "ssh://", "git://")


def independent(command: typed.Command) -> bool:
    """Whether a step needs nothing of the stage before it: no variable, no working directory, no user's name."""
    if not isinstance(command, (typed.Copy, typed.Add)) or not command.link or command.heredocs:
        return False
    from_ = command.from_ if isinstance(command, typed.Copy) else ""
    words = [*command.sources, command.dest, command.chown or "", command.chmod or "", from_ or "", *command.exclude]
    chown = (command.chown or "").replace(":", "")
    return (
        command.dest.startswith("/")
        and not any("$" in word for word in words)
        and (not chown or chown.isdigit())
        and not any(source.startswith(_REMOTE) or ".git" in source for source in command.sources)
    )


class EarlyLinks:
    """A context manager around the wait for the base; `wait` before a step's turn."""

    def __init__(self, builder: StageBuilder, commands: Sequence[typed.Command]) -> None:
        options = builder.options
        wanted = not (options.no_cache or options.explain or options.no_cache_filter)
        self._commands = [command for command in commands if wanted and independent(command)]
        self._builder = builder
        self._based, self._ended = Event(), Event()
        self._thread: Thread | None = None

    def __enter__(self) -> EarlyLinks:
        if self._commands:
            self._thread = Thread(target=self._run, name="links", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._based.set()
        if error is not None:
            self.end()

    def wait(self, command: typed.Command) -> None:
        """What was begun of a step is finished."""
        if self._thread is not None and any(command is each for each in self._commands):
            self._thread.join()

    def end(self) -> None:
        """Nothing more is begun, and nothing goes on. Idempotent."""
        self._ended.set()
        self._based.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        if self._based.wait(_PATIENCE_S):
            return
        engine = self._builder.solver.open_engine()
        engine.cancelled = lambda: self._ended.is_set() or self._builder.solver.cancelled()
        for command in self._commands:
            if self._based.is_set():
                return  # from here on each has its turn
            try:
                self._make(engine, command)
            except SkerryError:
                continue  # it will be told when its turn comes

    def _make(self, engine: Engine, command: typed.Command) -> None:
        assert isinstance(command, (typed.Copy, typed.Add))
        untold = Step(0, "", 0, 0, command.instruction.original)
        work = StepWork(self._builder, untold, Identity("", ""), no_cache=False, engine=engine, state=StageState())
        work.await_stages(command)
        step = CopyStep(work, command)
        solver = self._builder.solver
        try:
            with solver.working:
                step.prepare()
            with engine.builds.lock_step(step.link_key, cancelled=engine.cancelled), solver.working:
                if engine.builds.lookup(step.link_key) is None:
                    step.make_linked()
        finally:
            step.close()
