"""Work that is worth beginning before it is known to be needed."""

from __future__ import annotations


def warm_up() -> None:
    """Begin the wait that the first move of a process into a cgroup costs (10-18 ms), beside everything else.

    Called by the commands that start processes in containers, as early as they can."""
    from skerry.runtime.cgroups import warm_cgroups

    warm_cgroups()
