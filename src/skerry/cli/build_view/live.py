"""A build on a terminal: what is done scrolls away, what is being done stays below with its time and its last lines.

Everything is one write a frame, ten times a second, between the sequences that let a terminal show it at once.
"""

from __future__ import annotations

import os
import re
import threading
import time

from skerry.build.events import Note, ShellClosed, ShellOpened, StepDone, StepFailed, StepOutput, StepStarted, Warned
from skerry.cli.build_view.plain import one_line, warning_text
from skerry.cli.escape import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from skerry.build.events import Event, Step
    from skerry.cli.output import Output

_INTERVAL_S = 0.1
_LINES = 6  # of a step's output
_KEPT = 50
_TAIL = 20  # of a failed step's output
_SEQUENCES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_BEGIN, _END = "\x1b[?2026h\x1b[?25l", "\x1b[?25h\x1b[?2026l"
_BLUE, _RED, _YELLOW, _FAINT, _PLAIN = "\x1b[34m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


class _Running:
    """A step that is being done."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.began = time.monotonic()
        self.lines: list[str] = []
        self.half = b""

    def add(self, data: bytes) -> None:
        """Output: whole lines; of a line that is overwritten (\\r) what it says at last."""
        *lines, self.half = (self.half + data).split(b"\n")
        self.half = self.half[-4096:].rpartition(b"\r")[2] or self.half[-4096:]
        self.lines += [_clean(line) for line in lines[-_KEPT:]]
        del self.lines[:-_KEPT]

    def last(self, count: int) -> list[str]:
        """Its last lines, the unfinished one too."""
        half = [_clean(self.half)] if self.half.strip() else []
        return [line for line in [*self.lines, *half] if line][-count:]


class LiveView:
    """``with LiveView(out) as view: view(event)``, from any thread."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._colour = not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._above: list[str] = []  # to be written for good
        self._widths: list[int] = []  # of the lines that are drawn now
        self._began = time.monotonic()
        self._known = self._done = self._cached = 0
        self._totals: dict[tuple[str, str], int] = {}
        self._paused = False
        self._transfer = ""
        self._ended = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._draw_often, daemon=True)

    def __enter__(self) -> LiveView:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()
        with self._lock:
            self._failed = self._failed or kind is not None
            self._running.clear()
            self._above.append(self._head(ended=True))
            self._draw(last=True)

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, StepStarted):
                self._start(event.step)
            elif isinstance(event, StepOutput):
                if event.step.id in self._running:
                    self._running[event.step.id].add(event.data)
            elif isinstance(event, StepDone):
                self._finish(event)
            elif isinstance(event, StepFailed):
                self._fail(event)
            elif isinstance(event, Warned):
                self._above.append(self._paint(_YELLOW, f" => WARNING {warning_text(event)}"))
            elif isinstance(event, Note):
                if event.text.startswith("-->"):
                    return  # the image's id, which stands on stdout
                self._above.append(f" => {printable(event.text)}")
            elif isinstance(event, ShellOpened):
                self._above.append(
                    f" => a shell in {_name(event.step)}, which ended with {event.exit_code}; leave it to go on"
                )
                self._draw(last=True)
                self._paused = True
            elif isinstance(event, ShellClosed):
                self._paused = False

    def transfer(self, text: str) -> None:
        """What a pull or push has got to; "" when it is over."""
        with self._lock:
            self._transfer = text

    # What happens

    def _start(self, step: Step) -> None:
        self._running[step.id] = _Running(step)
        self._totals[step.stage, step.platform] = step.total

    def _finish(self, event: StepDone) -> None:
        self._running.pop(event.step.id, None)
        self._done += 1
        self._cached += event.cached
        name = _name(event.step)
        if event.cached and event.layer:
            self._above.append(self._timed(f" => CACHED {name}", 0.0, _BLUE))
            return
        self._above.append(self._timed(f" => {name}", event.seconds, _BLUE))
        if event.reason is not None and "--no-cache" not in event.reason.text:
            self._above.append(self._paint(_FAINT, f" => => because {printable(event.reason.text)}"))

    def _fail(self, event: StepFailed) -> None:
        running = self._running.pop(event.step.id, None)
        self._failed = True
        seconds = time.monotonic() - running.began if running else 0.0
        self._above.append(self._timed(f" => ERROR {_name(event.step)}", seconds, _RED))
        lines = [_clean(line) for line in event.output.split(b"\n")] if event.output else []
        lines = [line for line in lines if line][-_TAIL:]
        if lines:
            self._above += ["------", f" > {_name(event.step)}:", *lines, "------"]

    # What is drawn

    def _draw_often(self) -> None:
        while not self._ended.wait(_INTERVAL_S):
            with self._lock:
                if not self._paused:
                    self._draw()

    def _draw(self, *, last: bool = False) -> None:
        width, height = _size()
        # After the terminal became narrower, what was drawn takes more rows.
        rows = sum(max(-(-drawn // width), 1) for drawn in self._widths)
        wipe = f"\r\x1b[{rows}A" if rows else "\r"
        below = [] if last else self._live(width, height)
        lines = [*self._above, *below]
        self._above = []
        self._widths = [min(_visible(line), width) for line in below]
        text = _BEGIN + wipe + "".join(_cut(line, width) + "\x1b[K\n" for line in lines) + "\x1b[J" + _END
        try:
            os.write(2, text.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # no terminal any more: the work goes on

    def _live(self, width: int, height: int) -> list[str]:
        """The head, and the running steps, as many lines of output as there is room for."""
        lines = [self._head()]
        steps = list(self._running.values())[: max(height - 3, 1)]
        room = max(height - 3 - len(steps), 0)
        each = min(_LINES, room // len(steps)) if steps else 0
        for running in steps:
            lines.append(self._timed(f" => {_name(running.step)}", time.monotonic() - running.began, "", width))
            lines += [self._paint(_FAINT, f" => => {line}") for line in running.last(each)] if each else []
        if self._transfer:
            lines.append(self._paint(_FAINT, f" => => {self._transfer}"))
        return lines

    def _head(self, *, ended: bool = False) -> str:
        seconds = time.monotonic() - self._began
        state = (" FAILED" if self._failed else " FINISHED") if ended else ""
        total = max(sum(self._totals.values()), self._done)
        cached = f", {self._cached} cached" if self._cached else ""
        return f"[+] Building {seconds:.1f}s ({self._done}/{total}{cached}){state}"

    def _timed(self, text: str, seconds: float, colour: str, width: int = 0) -> str:
        width = width or _size()[0]
        end = f" {seconds:.1f}s"
        text = text if len(text) + len(end) < width else text[: max(width - len(end) - 2, 1)] + "…"
        return self._paint(colour, text.ljust(max(width - len(end) - 1, 0))) + end

    def _paint(self, colour: str, text: str) -> str:
        return f"{colour}{text}{_PLAIN}" if self._colour and colour else text


def _size() -> tuple[int, int]:
    """The terminal's columns and lines, not what COLUMNS says: what was drawn could not be found again by that."""
    try:
        width, height = os.get_terminal_size(2)
    except OSError:
        return 80, 24
    return width or 80, height or 24


def _name(step: Step) -> str:
    words = [word for word in (step.platform, step.stage, f"{step.number}/{step.total}") if word]
    return printable(f"[{' '.join(words)}] {one_line(step.text)}")


def _clean(line: bytes) -> str:
    """A line of a program's output without its colours and cursor movements."""
    line = line.rstrip(b"\r").rpartition(b"\r")[2]
    return printable(_SEQUENCES.sub(b"", line).decode("utf-8", "surrogateescape").expandtabs(8).rstrip())


def _visible(text: str) -> int:
    return len(re.sub(r"\x1b\[[0-9;]*m", "", text))


def _cut(text: str, width: int) -> str:
    """The line, no wider than the terminal (sequences of colours do not count)."""
    if _visible(text) < width:
        return text
    shown, found = 0, []
    for piece in re.split(r"(\x1b\[[0-9;]*m)", text):
        if piece.startswith("\x1b["):
            found.append(piece)
        else:
            found.append(piece[: max(width - 1 - shown, 0)])
            shown += len(piece)
    return "".join(found)
