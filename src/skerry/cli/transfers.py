"""What pull and push show on stderr: a bar per layer on a terminal, Podman's plain lines elsewhere."""

from __future__ import annotations

import os
import time
from threading import Lock

from skerry.cli.escape import printable
from skerry.cli.progress import Progress
from skerry.engine.images.transfer import Report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.cli.output import Output

_INTERVAL_S = 0.1


class Quiet(Report):
    """-q: only warnings."""

    def __init__(self, out: Output) -> None:
        self._out = out

    def warn(self, text: str) -> None:
        self._out.warn(text)


class Lines(Quiet):
    """One line for what begins and for what needed no work."""

    def line(self, text: str) -> None:
        self._out.plain_error(text)

    def copying(self, digest: str, size: int, kind: str = "blob") -> None:  # noqa: ARG002 - bars need the size
        self.line(f"Copying {kind} {digest}")

    def done(self, digest: str, note: str = "") -> None:
        if note:
            self.line(f"Copying blob {digest} {note}")


class Bars(Quiet):
    """Finished layers are lines that stay; below them a bar for each that moves, drawn ten times a second."""

    def __init__(self, out: Output) -> None:
        super().__init__(out)
        self._bars: dict[str, tuple[Progress, float]] = {}
        self._sizes: dict[str, tuple[int, str]] = {}
        self._lock = Lock()
        self._drawn = 0
        self._next = 0.0

    def line(self, text: str) -> None:
        with self._lock:
            self._draw(printable(text))

    def copying(self, digest: str, size: int, kind: str = "blob") -> None:
        with self._lock:
            self._sizes[digest] = (size, kind)

    def advance(self, digest: str, count: int) -> None:
        with self._lock:
            bar, _ = self._bars.get(digest) or self._begin(digest)
            bar.update(max(bar.done + count, 0))
            if time.monotonic() >= self._next:
                self._draw()

    def done(self, digest: str, note: str = "") -> None:
        with self._lock:
            size, kind = self._sizes.get(digest, (0, "blob"))
            bar, start = self._bars.pop(digest, (self._bar(digest, size, kind), time.monotonic()))
            if note:
                self._draw(f"{bar.label} {note}")
            else:
                bar.update(size or bar.done)
                bar.total = None
                self._draw(f"{bar.text(time.monotonic() - start)} done")

    def _begin(self, digest: str) -> tuple[Progress, float]:
        size, kind = self._sizes.get(digest, (0, "blob"))
        self._bars[digest] = (self._bar(digest, size, kind), time.monotonic())
        return self._bars[digest]

    def _bar(self, digest: str, size: int, kind: str) -> Progress:
        label = f"Copying {kind} {digest.removeprefix('sha256:')[:12]}"
        return Progress(label, size or None, unit="B", active=False, width=self._out.width)

    def _draw(self, above: str = "") -> None:
        """Wipe the bars, write ``above`` for good, draw the bars anew. Bars wider than the terminal are cut."""
        now = time.monotonic()
        self._next = now + _INTERVAL_S
        wipe = "\r\x1b[K" + "\x1b[A\x1b[K" * self._drawn
        lines = [bar.text(now - start)[: self._out.width - 1] for bar, start in self._bars.values()]
        self._drawn = len(lines)
        text = wipe + "".join(line + "\n" for line in ([above] if above else []) + lines)
        try:
            os.write(2, text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # no terminal any more: the work goes on


def reporter(out: Output, *, quiet: bool) -> Report:
    """The right one for this stderr."""
    if quiet:
        return Quiet(out)
    return Bars(out) if out.err_is_terminal and os.environ.get("TERM") != "dumb" else Lines(out)
