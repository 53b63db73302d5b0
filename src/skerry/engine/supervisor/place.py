"""Where systemd sees the supervisor: in a scope of its own.

It is started by whatever command comes first, in a login session or in a service. When those end, systemd ends all that
is in their control groups; the containers have left them, and so does what looks after them."""

from __future__ import annotations

import os

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings

_NAME = "skerry-supervisor"


def leave_session(settings: Settings) -> str:
    """Move this process into a scope of its own where systemd runs; why not, or empty. The heir comes along."""
    if not os.path.isdir("/run/systemd/system"):
        return ""
    with open("/proc/self/cgroup", encoding="utf-8") as file:
        if _NAME in file.read():
            return ""  # started as the heir of one that has left
    from skerry.linux.systemd import start_scope

    pid = os.getpid()
    try:
        start_scope(
            f"{_NAME}-{pid}.scope", "user.slice" if settings.rootless else "system.slice", pid, user=settings.rootless
        )
    except (OSError, Unavailable) as error:
        return str(error)
    return ""
