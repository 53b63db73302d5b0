"""Stages that are built at once, told one after the other, as Podman builds them: a log that can be read."""

from __future__ import annotations

from skerry.build.events import ShellOpened, StagesPlanned, StepDone, StepOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.build.events import Event, Step
    from skerry.cli.build_view.plain import PlainView

    Stage = tuple[str, int]  # platform, number

_MOST_HELD = 4 << 20  # bytes of output; then what there is is told as it comes


class InOrder:
    """``view(event)``: what the first unfinished stage tells goes on at once, what others tell when it is their turn."""

    def __init__(self, view: PlainView) -> None:
        self._view: Callable[[Event], None] = view
        self._failed = view.failed
        self._order: list[Stage] = []
        self._held: dict[Stage, list[Event]] = {}
        self._done: set[Stage] = set()
        self._size = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StagesPlanned):
            self._order += [(event.platform, number) for number in event.numbers]
            return
        step: Step | None = getattr(event, "step", None)
        stage = _stage(step) if step is not None else None
        if stage is None or stage not in self._order:
            self._view(event)
            return
        if isinstance(event, ShellOpened):
            self.finish()
        if isinstance(event, StepDone) and event.step.number == event.step.total:
            self._done.add(stage)
        if not self._order or stage == self._order[0]:
            self._view(event)
            self._go_on()
            return
        self._held.setdefault(stage, []).append(event)
        self._size += len(event.data) if isinstance(event, StepOutput) else 0
        if self._size > _MOST_HELD:
            self.finish()

    def _go_on(self) -> None:
        while self._order and self._order[0] in self._done:
            self._order.pop(0)
            for event in self._held.pop(self._order[0], ()) if self._order else ():
                self._view(event)

    def finish(self) -> None:
        """Tell what is held; from here on everything is told as it comes. Idempotent."""
        order, self._order = self._order, []
        for stage in order:
            for event in self._held.pop(stage, ()):
                self._view(event)

    def failed(self) -> None:
        """See `PlainView.failed`."""
        self.finish()
        self._failed()


def _stage(step: Step) -> Stage:
    return step.platform, int(step.place.partition("/")[0] or 1)
