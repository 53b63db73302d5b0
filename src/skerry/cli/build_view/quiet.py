"""A build without a word of its own: as with Podman, programs' standard error is shown, and their standard output only
when their step fails."""

from __future__ import annotations

from skerry.build.events import StepDone, StepFailed, StepOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.events import Event
    from skerry.cli.output import Output

_TAIL = 16 << 10


class QuietView:
    """``view(event)``."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._written: dict[int, bytes] = {}  # by steps that run: the end of their standard output

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepOutput):
            if event.fd == 2:
                self._out.error_text(event.data.decode("utf-8", "surrogateescape"))
            else:
                self._written[event.step.id] = (self._written.get(event.step.id, b"") + event.data)[-_TAIL:]
        elif isinstance(event, (StepDone, StepFailed)):
            written = self._written.pop(event.step.id, b"")
            if isinstance(event, StepFailed) and written:
                self._out.error_text(written.decode("utf-8", "surrogateescape").rstrip("\n") + "\n")
