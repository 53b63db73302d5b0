"""What a build tells while it goes on. A face turns these into lines, a live view or JSON."""

from __future__ import annotations

from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.language.ast import Position


@dataclass(frozen=True, slots=True)
class Step:
    """A step's identity in one build. ``stage`` is "" for the only one; ``number`` of ``total`` counts within it.
    ``place``: the stage's own place among all that there are (from 1), "" where there is one."""

    id: int
    stage: str
    number: int
    total: int
    text: str
    position: Position | None = None
    platform: str = ""
    place: str = ""
    heredocs: tuple[str, ...] = ()  # the first line of each


@dataclass(frozen=True, slots=True)
class StepStarted:
    """It is being done (or looked up)."""

    step: Step


@dataclass(frozen=True, slots=True)
class StepOutput:
    """A program in the step wrote to 1 or 2."""

    step: Step
    fd: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a step could not be taken from the cache: one line, and more of them."""

    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepDone:
    """``cached``: its layer was there. ``reason``: why not. ``layer``: what it made, if it made any."""

    step: Step
    cached: bool
    seconds: float
    reason: Reason | None = None
    layer: str = ""
    imported: bool = False  # cached, and by what --cache-from has brought just now


@dataclass(frozen=True, slots=True)
class StepFailed:
    """``exit_code`` of a program, or 0; ``message``; ``output`` is the end of what it wrote."""

    step: Step
    exit_code: int
    message: str
    output: bytes = b""
    lines: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class StagesPlanned:
    """The stages that are built, by their numbers (from 1), in order. ``platform`` is "" when there is one."""

    platform: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Warned:
    """A check's finding. ``rule`` is its name, "" for what is no rule."""

    rule: str
    message: str
    position: Position | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A line about the whole (``COMMIT name``, a pull, …)."""

    text: str


@dataclass(frozen=True, slots=True)
class ShellOpened:
    """The terminal belongs to a shell in a step that failed (--on-error=shell): nothing else may draw on it."""

    step: Step
    exit_code: int


@dataclass(frozen=True, slots=True)
class ShellClosed:
    """The terminal is free again."""

    step: Step


Event = StepStarted | StepOutput | StepDone | StepFailed | StagesPlanned | Warned | Note | ShellOpened | ShellClosed
