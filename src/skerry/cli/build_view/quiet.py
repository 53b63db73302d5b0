"""A build without a word, but for warnings and the output of a step that fails."""

from __future__ import annotations

from skerry.build.events import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.events import Event
    from skerry.cli.output import Output


class QuietView:
    """``view(event)``."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepFailed) and event.output:
            self._out.error_text(event.output.decode("utf-8", "surrogateescape").rstrip("\n") + "\n")
