"""``skerry container prune``: containers that do not run."""

from __future__ import annotations

from skerry.engine.containers.filters import matcher
from skerry.engine.containers.listing import observed, sizes
from skerry.engine.containers.remove import remove
from skerry.engine.containers.state import is_restarting
from skerry.errors import Conflict, Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine

FILTERS = ("annotation", "annotation!", "label", "label!", "until")


def prune(engine: Engine, filters: Sequence[str] = ()) -> list[tuple[str, int]]:
    """Remove what was created or ended and does not run: (id, bytes that it had written) of each, oldest first.

    One that is started, or removed by another command, meanwhile is left out, as is one that others depend on."""
    for item in filters:
        if item.partition("=")[0] not in FILTERS:
            raise Invalid(f"{item.partition('=')[0]} is an invalid filter", hint=", ".join(FILTERS))
    matches = matcher(engine, list(filters))
    removed = []
    for record, state in observed(engine):
        if state["status"] not in ("created", "initialized", "exited", "removing") or not matches(record, state):
            continue
        if is_restarting(state):
            continue
        written = sizes(engine, record)[0]
        try:
            remove(engine, record["id"])
        except (Conflict, NotFound):
            continue
        removed.append((record["id"], written))
    return removed
