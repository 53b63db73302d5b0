"""The end of a build: what it used is noted, and the cache is kept within its bound."""

from __future__ import annotations

import os
import time

from skerry.config.sizes import parse_size
from skerry.engine.builds import watcher
from skerry.engine.builds.steps import write_uses
from skerry.store.pins import unpin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

# Bytes of layers and cache mounts that nothing but the cache keeps.
KEPT_BYTES = 20 << 30
KEPT_STEPS = 20_000
VARIABLE = "SKERRY_BUILD_CACHE"  # another bound: 5g, or 0 for none
_EVERY_S = 600


def finish(engine: Engine) -> None:
    """See `Builds.finish`."""
    leave(engine)
    write_uses(engine)
    bound = parse_size(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else KEPT_BYTES
    if not bound or not _is_due(engine):
        return
    from skerry.engine.builds.usage import prune

    prune(engine, keep_bytes=bound, keep_steps=KEPT_STEPS)


def leave(engine: Engine) -> None:
    """See `Builds.leave`."""
    watcher.end(engine)
    unpin(engine.store)


def _is_due(engine: Engine) -> bool:
    """Whether it is time to look closely: measuring cache mounts reads their folders. Every time where a bound was
    set."""
    mark = engine.store.path("builds", "bounded")
    try:
        age_s = time.time() - os.stat(mark).st_mtime
        if 0 <= age_s < _EVERY_S and not os.environ.get(VARIABLE):
            return False
    except FileNotFoundError:
        pass  # the first build
    try:
        os.makedirs(os.path.dirname(mark), mode=0o711, exist_ok=True)
        with open(mark, "w", encoding="ascii"):
            os.utime(mark)
    except OSError:
        pass  # no room: then it is looked each time
    return True
