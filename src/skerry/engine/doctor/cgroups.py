"""Control groups: which kind, who manages them, which limits can be set."""

from __future__ import annotations

from skerry.engine.doctor.report import OK, WARN, Finding
from skerry.linux import cgroup

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "cgroups"
WANTED = {"memory": "--memory", "cpu": "--cpus", "pids": "--pids-limit"}


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area."""
    unified = cgroup.is_unified()
    kind = "v2" if unified else "v1 and v2 (hybrid)" if host.exists("/sys/fs/cgroup/unified") else "v1"
    yield Finding(AREA, "version", OK, f"{kind}, managed by {settings.cgroup_manager}")
    found = _controllers(host, unified)
    for name, flag in WANTED.items():
        if name in found:
            continue
        yield Finding(
            AREA, name, WARN, "no such controller for this user", f"{flag} has no effect", _remedy(unified, settings)
        )
    have = [name for name in WANTED if name in found]
    if have:
        yield Finding(AREA, "limits", OK, "can be set: " + ", ".join(have))


def _controllers(host: Host, unified: bool) -> set[str]:
    if not unified:
        # Lines: name, hierarchy, groups, enabled; hierarchy 0 is one that nobody mounted.
        rows = [line.split() for line in host.read("/proc/cgroups").splitlines() if not line.startswith("#")]
        return {row[0] for row in rows if len(row) == 4 and row[3] == "1"}
    own = host.read("/proc/self/cgroup").rpartition("::")[2]
    here = host.read(f"/sys/fs/cgroup{own.rpartition('/')[0]}/cgroup.controllers")
    return set((here or host.read("/sys/fs/cgroup/cgroup.controllers")).split())


def _remedy(unified: bool, settings: Settings) -> str:
    if not unified:
        return "boot with cgroup_enable=memory"
    if settings.rootless:
        return "as root: systemctl edit user@.service, with [Service] Delegate=cpu cpuset io memory pids"
    return "boot with cgroup_enable=memory"
