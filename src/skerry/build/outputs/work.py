"""What all outputs of one build share."""

from __future__ import annotations

from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.build.attest.statements import Predicate
    from skerry.build.contexts import Context
    from skerry.build.options import BuildOptions
    from skerry.build.outcome import BuildResult
    from skerry.engine.engine import Engine


@dataclass(slots=True)
class Work:
    """A finished build and what is to become of it. ``pushed``: name → the manifest's digest in its registry."""

    engine: Engine
    options: BuildOptions
    result: BuildResult
    context: Context
    started: str
    finished: str
    sources: dict[str, str]
    pushed: dict[str, str] = field(default_factory=dict)
    predicates: dict[str, list[Predicate]] = field(default_factory=dict)  # by platform
