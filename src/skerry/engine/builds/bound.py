"""The end of a build: what it used is noted, and the cache is kept within its bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skerry.engine.builds.steps import write_uses

if TYPE_CHECKING:
    from skerry.engine.engine import Engine

# Bytes of layers and cache mounts that nothing but the cache keeps.
KEPT_BYTES = 20 << 30
KEPT_STEPS = 20_000  # rows; a step without a layer has no bytes


def finish(engine: Engine) -> None:
    """See `Builds.finish`."""
    write_uses(engine)
    rows, layers = engine.store.db.query(
        "SELECT (SELECT count(*) FROM build_steps), (SELECT coalesce(sum(json_extract(doc, '$.size')), 0) FROM build_steps)"
    )[0]
    # Layers of images count, too: the sum is an upper limit that is had at once, and only above it one looks closely.
    if layers <= KEPT_BYTES and rows <= KEPT_STEPS:
        return
    from skerry.engine.builds.usage import prune

    prune(engine, all=False, filters=(), keep_bytes=KEPT_BYTES, keep_steps=KEPT_STEPS)
