"""A build in BuildKit's own JSON (``--progress=rawjson``): a SolveStatus a line, so that what reads ``docker buildx``'s
reads this, too. ``reason`` of a vertex is ours: why it could not be taken from the cache."""

from __future__ import annotations

import base64
import hashlib
import time

from skerry import fastjson
from skerry.build.build import time_text
from skerry.build.events import Note, StepDone, StepFailed, StepOutput, StepStarted, Warned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.build.events import Event, Step
    from skerry.build.language.ast import Position
    from skerry.cli.output import Output

_RULES = "https://docs.docker.com/go/dockerfile/rule/"


class SolveStatusView:
    """``view(event)``. On stderr, where BuildKit's is: stdout has the image's id alone."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self._started: dict[int, str] = {}
        self._last: dict[tuple[str, str], str] = {}  # (platform, stage) → the vertex before

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            self._started[event.step.id] = _now()
            self._write(vertexes=[self._vertex(event.step)])
        elif isinstance(event, StepOutput):
            log = {
                "vertex": _digest(event.step), "stream": event.fd, "data": _encoded(event.data), "timestamp": _now(),
            }  # fmt: skip
            self._write(logs=[log])
        elif isinstance(event, StepDone):
            reason = {"reason": event.reason.text} if event.reason is not None else {}
            cached = {"cached": True} if event.cached else {}
            self._write(vertexes=[{**self._vertex(event.step), "completed": _now(), **cached, **reason}])
            self._last[event.step.platform, event.step.stage] = _digest(event.step)
        elif isinstance(event, StepFailed):
            self._write(vertexes=[{**self._vertex(event.step), "completed": _now(), "error": event.message}])
        elif isinstance(event, Warned):
            self._write(warnings=[_warning(event)])
        elif isinstance(event, Note):
            now = _now()
            self._write(vertexes=[{"digest": _hash(event.text), "name": event.text, "started": now, "completed": now}])

    def _vertex(self, step: Step) -> dict[str, Any]:
        before = self._last.get((step.platform, step.stage))
        inputs = {"inputs": [before]} if before else {}
        words = [word for word in (step.platform, step.stage, f"{step.number}/{step.total}") if word]
        started = self._started.setdefault(step.id, _now())
        return {"digest": _digest(step), **inputs, "name": f"[{' '.join(words)}] {step.text}", "started": started}

    def _write(self, **parts: list[dict[str, Any]]) -> None:
        self._out.error_text((fastjson.dumps(parts) + "\n").encode("utf-8", "replace").decode())


def _warning(event: Warned) -> dict[str, Any]:
    line = f" (line {event.position.line})" if event.position else ""
    found: dict[str, Any] = {
        "vertex": _hash("warnings"), "level": 1,
        "short": _encoded(f"{event.rule}: {event.message}{line}".removeprefix(": ").encode("utf-8", "replace")),
    }  # fmt: skip
    if event.rule:
        # Their page of SomeRule is some-rule.
        words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in event.rule)
        found["url"] = f"{_RULES}{words.replace('-j-s-o-n-', '-json-').strip('-')}/"
    if event.position is not None:
        found["sourceInfo"] = {"filename": event.position.file, "language": "Dockerfile"}
        found["range"] = [_range(event.position)]
    return found


def _range(position: Position) -> dict[str, Any]:
    return {"start": {"line": position.line}, "end": {"line": position.end_line}}


def _digest(step: Step) -> str:
    return _hash(f"{step.platform}\0{step.stage}\0{step.place}\0{step.number}\0{step.text}")


def _hash(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _now() -> str:
    return time_text(time.time_ns())
