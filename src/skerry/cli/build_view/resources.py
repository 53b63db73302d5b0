"""``--log-rusage``: what each step took of this machine, as Podman says it."""

from __future__ import annotations

import resource
import time

from skerry.build.events import Note, StepDone
from skerry.engine.units import human_size
from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.events import Event
    from skerry.cli.build_view.choose import View

_BLOCK_BYTES = 512  # whatever the disk's are, getrusage(2) counts in these


class ResourcesView:
    """``view(event)``: as ``view``, and after each step a line of what was used since the last one, by this process and
    what it ran. Steps that are done side by side share it. ``path``: a file for the lines."""

    def __init__(self, view: View, path: str) -> None:
        self._view, self._path = view, path
        self._before = _now()
        if path:
            self._write("", "w")

    def __call__(self, event: Event) -> None:
        self._view(event)
        if not isinstance(event, StepDone):
            return
        now = _now()
        system, user, elapsed, read, written = (a - b for a, b in zip(now, self._before, strict=True))
        self._before = now
        line = (
            f"{_duration(system)}(system) {_duration(user)}(user) {_duration(elapsed)}(elapsed) "
            f"{_blocks(read)} input {_blocks(written)} output"
        )
        if self._path:
            self._write(line + "\n", "a")
        else:
            self._view(Note(line))

    def _write(self, text: str, mode: str) -> None:
        try:
            with open(self._path, mode, encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise Unavailable(f"cannot write {self._path}: {error.strerror}") from error


def _now() -> tuple[float, float, float, float, float]:
    """Seconds of the system's and the user's, seconds at all, blocks read and written."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return (
        own.ru_stime + children.ru_stime, own.ru_utime + children.ru_utime, time.monotonic(),
        own.ru_inblock + children.ru_inblock, own.ru_oublock + children.ru_oublock,
    )  # fmt: skip


def _blocks(count: float) -> str:
    return human_size(count * _BLOCK_BYTES, 4).replace(" ", "")


def _duration(seconds: float) -> str:
    """As Go writes it, to the millisecond."""
    ms = round(seconds * 1000)
    if ms < 1000:
        return f"{ms}ms" if ms else "0s"
    minutes, rest = divmod(ms, 60_000)
    text = f"{rest / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}" if minutes else text
