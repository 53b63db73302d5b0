"""``--cgroups=split``: a container within the control group of the service that starts it (cgroup v2).

What limits the service limits its container, and systemd sees both as one. Below the service's group come ``runtime``,
for the service's own processes and conmon (a group with processes hands no controllers on), and the container's own.
"""

from __future__ import annotations

import os

from skerry.linux import cgroup

_OWN, _PAYLOAD = "/runtime", "/libpod-payload-"
_ROUNDS = 10


def group(container_id: str, last: str = "") -> str:
    """The container's group, below ours, which is made ready for it. Empty where we have none of our own (the root, a
    login session of a user, cgroup v1): then it goes where all others go.

    ``last``: its group before it was started again by its policy, which may happen elsewhere."""
    if not cgroup.is_unified():
        return ""
    (tree,) = cgroup.hierarchies()
    before = last.partition(_PAYLOAD)[0] if _PAYLOAD in last else ""
    ours = before if before and os.path.isdir(tree.folder(before)) else tree.path.removesuffix(_OWN)
    if ours in ("", "/"):
        return ""
    try:
        _step_aside(tree.folder(ours))
    except OSError:
        return ""  # not ours to change
    return f"{ours}{_PAYLOAD}{container_id}"


def _step_aside(folder: str) -> None:
    """Move the processes of a group into one below it."""
    os.makedirs(folder + _OWN, exist_ok=True)
    for _ in range(_ROUNDS):  # one that forks in this moment leaves another
        found = cgroup.processes(folder)
        if not found:
            return
        for pid in found:
            try:
                cgroup.enter(folder + _OWN, pid)
            except ProcessLookupError:
                continue  # it has ended
