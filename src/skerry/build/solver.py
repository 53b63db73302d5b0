"""Building the stages that are needed, side by side: a thread for each, which waits for those that it takes from.

The builds for several platforms have a `Solver` each, and one `Schedule`."""

from __future__ import annotations

import threading

from skerry.build.errors import WouldRun
from skerry.build.events import Warned
from skerry.engine.builds.errors import Interrupted
from skerry.errors import Invalid, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.build.checks.rules import Rule
    from skerry.build.checks.settings import CheckSettings
    from skerry.build.contexts import Contexts
    from skerry.build.events import Event
    from skerry.build.language.ast import Position
    from skerry.build.options import BuildOptions
    from skerry.build.plan import Plan
    from skerry.build.stage_state import StageState
    from skerry.engine.engine import Engine


class Result:
    """A stage's end, which others wait for. (`concurrent.futures` costs a cached build 9 ms of imports.)"""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._state: StageState | None = None
        self._error: BaseException | None = None

    def set(self, state: StageState | None, error: BaseException | None = None) -> None:
        """Once, from the stage's thread."""
        self._state, self._error = state, error
        self._ended.set()

    def wait(self, timeout_s: float) -> bool:
        """Whether it has ended."""
        return self._ended.wait(timeout_s)

    def exception(self) -> BaseException | None:
        """What it failed with; None while it goes on, too."""
        return self._error if self._ended.is_set() else None

    def done(self) -> bool:
        """Whether it has ended."""
        return self._ended.is_set()

    def result(self) -> StageState:
        """Wait; its state, or its error is raised."""
        self._ended.wait()
        if self._error is not None:
            raise self._error
        assert self._state is not None
        return self._state


class Schedule:
    """What the builds for all platforms share: places to work, the end when one fails, the numbers of steps, and the
    stages that are the same for all of them."""

    def __init__(self, report: Callable[[Event], None], jobs: int) -> None:
        self.working = threading.Semaphore(jobs)  # held while a step is done, not while it waits
        self.failed = threading.Event()
        self.lock = threading.Lock()
        self._report = report
        self._stages: dict[object, Result] = {}
        self._numbers = 0

    def claim(self, signature: object) -> tuple[Result, bool]:
        """The result of a stage, and whether it is the caller's to build."""
        with self.lock:
            found = self._stages.get(signature)
            if found is not None:
                return found, False
            return self._stages.setdefault(signature, Result()), True

    def number(self) -> int:
        """The next step's id in this build."""
        with self.lock:
            self._numbers += 1
            return self._numbers

    def tell(self, event: Event) -> None:
        """Report, one event at a time."""
        with self.lock:
            self._report(event)


class Solver:
    """One build for one platform."""

    def __init__(
        self, engine: Engine, options: BuildOptions, plan: Plan, contexts: Contexts, schedule: Schedule,
        *, platform: str, identity: str, checks: CheckSettings, several: bool = False,
    ) -> None:  # fmt: skip
        self.options, self.plan, self.contexts = options, plan, contexts
        self.platform = platform
        self.identity = identity  # which build this is, to find what it was the last time
        self.several_platforms = several
        self.working, self.number, self.tell = schedule.working, schedule.number, schedule.tell
        self.steps = self.cached = 0
        self._settings = engine.settings
        self._warn, self._log = engine.warn, engine.log
        self._schedule = schedule
        self._lock = threading.Lock()
        self._stages: dict[int, Result] = {}
        self._threads: list[threading.Thread] = []
        self._mine: set[int] = set()
        self._checks = checks
        self.warnings: list[Warned] = []
        self.cache_mounts: set[str] = set()

    def solve(self) -> StageState:
        """The target's state. The first error of any stage ends the others."""
        for index in self.plan.needed:
            self.stage(index)
        try:
            # Every needed stage is waited for: an error in one that nobody asked yet must not be lost.
            if self.options.explain:
                self._finish_explaining()
            for index in self.plan.needed:
                self._wait(self._stages[index])
            return self._stages[self.plan.target].result()
        except WouldRun:
            raise
        except BaseException:
            self._schedule.failed.set()
            raise
        finally:
            for thread in self._threads:
                thread.join()

    def _finish_explaining(self) -> None:
        """Follow every stage as far as it goes: one that ends early does not end the others."""
        for thread in list(self._threads):
            thread.join()

    def _wait(self, result: Result) -> None:
        """Until it has ended, or any stage has failed: a stage's own error, not that of those which it ended."""
        while not result.wait(0.1) and self._error() is None:
            if self.options.cancelled():
                self._schedule.failed.set()
        error = self._error()
        if error is not None:
            raise error
        result.result()

    def _error(self) -> BaseException | None:
        errors = [result.exception() for result in list(self._stages.values())]
        return next((error for error in errors if error and not isinstance(error, Interrupted)), None)

    def stage(self, index: int) -> Result:
        """A stage's result, which is begun if nobody asked for it before."""
        with self._lock:
            future = self._stages.get(index)
            if future is not None:
                return future
            future = self._stages[index] = Result()
            thread = threading.Thread(target=self._build, args=(index, future), name=f"stage-{index}", daemon=True)
            self._threads.append(thread)
        thread.start()
        return future

    def result(self, index: int) -> StageState:
        """Wait for a stage that another one takes from. `Interrupted` when it failed: it has told why itself."""
        try:
            return self.stage(index).result()
        except SkerryError as error:
            raise Interrupted("a stage that it needs failed") from error

    def _build(self, index: int, future: Result) -> None:
        try:
            future.set(self._shared(index) if self.several_platforms else self._built(index))
        except BaseException as error:  # noqa: BLE001 - it belongs to the thread that asked for the stage
            future.set(None, error)
            # Only now: whoever ends because of it shall find the error that ended all.
            if not isinstance(error, Interrupted):
                self._schedule.failed.set()

    def _built(self, index: int) -> StageState:
        from skerry.build.stage_builder import StageBuilder

        self._mine.add(index)
        engine = self.open_engine()
        engine.cancelled = self.cancelled
        return StageBuilder(self, engine, self.plan.stages[index]).build()

    def open_engine(self) -> Engine:
        """Another one, for another thread: a database connection is one thread's."""
        from skerry.engine.engine import Engine

        return Engine(self._settings, warn=self._warn, log=self._log)

    def _shared(self, index: int) -> StageState:
        """A stage that is the same for other platforms is built once; which of them does it, is chance."""
        result, mine = self._schedule.claim(self.plan.signature(index))
        if mine:
            try:
                result.set(self._built(index))
            except BaseException as error:
                result.set(None, error)
                raise
            return result.result()
        try:
            state = result.result()
        except WouldRun:
            raise
        except SkerryError as error:
            raise Interrupted("a stage that it shares failed") from error
        # An ONBUILD of its base may have asked for the platform, which no plan can know.
        return self._built(index) if state.asked_platform else state

    def cancelled(self) -> bool:
        """Whether everything shall stop: the caller said so, or a stage failed."""
        return self._schedule.failed.is_set() or self.options.cancelled()

    def check_cancelled(self) -> None:
        """`Interrupted` when `cancelled`."""
        if self.cancelled():
            raise Interrupted("interrupted")

    def count(self, *, cached: bool) -> None:
        """A step is done."""
        with self._lock:
            self.steps += 1
            self.cached += cached

    def warn(self, rule: Rule, position: Position, *words: str) -> None:
        """A check's finding that only the building brings. `Invalid` when findings are to be errors."""
        if not self._checks.runs(rule):
            return
        warning = Warned(rule.name, rule.message.format(*words), position)
        with self._lock:
            self.warnings.append(warning)
        self.tell(warning)
        if self._checks.error:
            raise Invalid(f"lint violation found for rules: {rule.name}")

    def use_cache_mount(self, name: str) -> None:
        """A cache mount that a step of this build has."""
        with self._lock:
            self.cache_mounts.add(name)

    def finished(self) -> list[StageState]:
        """The stages that were built, here and not for another platform."""
        return [
            each.result() for index, each in self._stages.items()
            if index in self._mine and each.done() and each.exception() is None
        ]  # fmt: skip

    def states(self) -> dict[int, StageState]:
        """All stages of this platform that are built, by number."""
        return {index: each.result() for index, each in self._stages.items() if each.done() and not each.exception()}

    def use_argument(self, name: str) -> None:
        """A build argument that somebody declared is used."""
        with self._lock:
            self.plan.used_arguments.add(name)


def solve_all(solvers: Sequence[Solver]) -> list[StageState]:
    """All platforms side by side: their targets' states. The first error of any ends the others."""
    if len(solvers) == 1:
        return [solvers[0].solve()]
    results = [Result() for _ in solvers]
    threads = [
        threading.Thread(target=_solve_into, args=(solver, result), name=solver.platform, daemon=True)
        for solver, result in zip(solvers, results, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    errors = [error for error in (result.exception() for result in results) if error is not None]
    if errors:
        raise next((error for error in errors if not isinstance(error, Interrupted)), errors[0])
    return [result.result() for result in results]


def _solve_into(solver: Solver, result: Result) -> None:
    try:
        result.set(solver.solve())
    except BaseException as error:  # noqa: BLE001 - a thread's end: `solve_all` raises it
        result.set(None, error)
