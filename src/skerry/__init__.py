"""Skerry: a daemonless container engine.

    import skerry
    engine = skerry.connect()
    box = engine.containers.run("busybox", ["echo", "hello"])

Whatever the command line does, the `Engine` does.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

__version__ = "0.1.0"


def connect(**flags: object) -> Engine:
    """An `Engine` on the default store, or the one that ``flags`` name (the command line's global flags:
    ``root``, ``runroot``, ``tmpdir``, ``runtime``, ``cgroup_manager``, …)."""
    from skerry.engine.engine import open_engine

    return open_engine(flags)
