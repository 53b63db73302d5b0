"""Work that is worth beginning before it is known to be needed."""

from __future__ import annotations

_begun = False


def warm_up() -> None:
    """Begin the wait that the first move of a process into a cgroup costs (10-18 ms), beside everything else.

    Called by the commands that start processes in containers, as early as they can; once is enough."""
    global _begun
    if not _begun:
        from skerry.runtime.cgroups import warm_cgroups

        _begun = True
        warm_cgroups()
