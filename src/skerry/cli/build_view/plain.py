"""A build line by line, as Podman prints it, with the reason of each step that was not cached."""

from __future__ import annotations

from skerry.build.events import Note, ShellOpened, StepDone, StepFailed, StepOutput, StepStarted, Warned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.events import Event, Step
    from skerry.cli.build_view.logfile import LogFile
    from skerry.cli.output import Output

_LAYERS = ("RUN", "COPY", "ADD", "WORKDIR")


class PlainView:
    """``view(event)``: lines on stdout, warnings on stderr. ``whole``: the last step says, too, what it made and why, and
    what the checks find is shown. Without, as Podman has it, the one is left to the image's line and standard error is
    empty when nothing went wrong: findings wait for a failure (`failed`). ``layers``: whether steps leave any."""

    def __init__(
        self, out: Output | LogFile, *, explain: bool = False, whole: bool = True, layers: bool = True
    ) -> None:
        self._out = out
        self._layers = layers
        self._whole = whole
        self._explain = explain
        self._found: list[Warned] = []
        self._last: int = 0  # whose output the last line was
        self._half: dict[tuple[int, int], bytes] = {}  # a line of output that has no end yet

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._step(event.step)
        elif isinstance(event, StepOutput):
            self._output(event)
        elif isinstance(event, StepDone):
            self._done(event)
        elif isinstance(event, StepFailed):
            self._flush(event.step)
        elif isinstance(event, Warned):
            if event.rule and not self._whole:
                self._found.append(event)
            else:
                self._out.warn(warning_text(event))
        elif isinstance(event, Note):
            self._out.line(event.text)
        elif isinstance(event, ShellOpened):
            self._out.line(f"--> a shell in the step, which ended with {event.exit_code}; leave it to go on")

    def failed(self) -> None:
        """The build has: what was found may say why."""
        while self._found:
            self._out.warn(warning_text(self._found.pop(0)))

    def _step(self, step: Step) -> None:
        self._last = step.id
        heredocs = "".join(f" ({text})" for text in step.heredocs)
        self._out.line(f"{_stage(step)}STEP {step.number}/{step.total}: {one_line(step.text)}{heredocs}")

    def _again(self, step: Step) -> None:
        """Say whose lines follow, after those of a step beside it."""
        if self._last != step.id:
            self._last = step.id
            self._out.line(f"{_stage(step)}STEP {step.number}/{step.total}: …")

    def _output(self, event: StepOutput) -> None:
        key = (event.step.id, event.fd)
        whole = self._half.pop(key, b"") + event.data
        lines, newline, rest = whole.rpartition(b"\n")
        if rest:
            self._half[key] = rest
        if newline:
            self._write(event.step, event.fd, lines + newline)

    def _write(self, step: Step, fd: int, data: bytes) -> None:
        self._again(step)
        if fd == 1:
            self._out.write(data.decode("utf-8", "surrogateescape"))
        else:
            self._out.error_text(data.decode("utf-8", "surrogateescape"))

    def _flush(self, step: Step) -> None:
        for fd in (1, 2):
            rest = self._half.pop((step.id, fd), b"")
            if rest:
                self._write(step, fd, rest + b"\n")

    def _done(self, event: StepDone) -> None:
        step = event.step
        self._flush(step)
        if not step.text.upper().startswith(_LAYERS):
            return
        self._again(step)
        short = event.layer.rpartition(":")[2][:12]
        if event.cached:
            self._out.line("--> Cache pulled from remote" if event.imported else f"--> Using cache {short}".rstrip())
            return
        if self._explain:
            self._out.line(f"--> would be done: {event.reason.text if event.reason else 'not in the cache'}")
            return
        if not self._whole and (not self._layers or _is_last(step)):
            return
        why = f" ({event.reason.text})" if event.reason else ""
        self._out.line(f"--> {short or 'no change'} in {event.seconds:.1f}s{why}")


def _is_last(step: Step) -> bool:
    """Whether the image is made of what this step leaves."""
    stage, _, of = step.place.partition("/")
    return step.number == step.total and stage == of


def _stage(step: Step) -> str:
    return "".join(f"[{word}] " for word in (step.platform, step.place) if word)


def one_line(text: str) -> str:
    """An instruction on one line."""
    return " ".join(text.split("\n")[0].split()) if "\n" in text else text


def warning_text(event: Warned) -> str:
    """A check's finding: rule, text, place."""
    place = f" ({event.position.file}:{event.position.line})" if event.position else ""
    return f"{event.rule + ': ' if event.rule else ''}{event.message}{place}"
