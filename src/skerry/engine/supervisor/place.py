"""Where systemd sees the supervisor: in a scope of its own.

It is started by whatever command comes first, in a login session or in a service. When those end, systemd ends all that
is in their control groups; the containers have left them, and so does what looks after them. The command that starts it
has to do that: a service may end with the command, before the supervisor itself came so far.
"""

from __future__ import annotations

import os

from skerry.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.config.settings import Settings


def leave_session(settings: Settings, pid: int) -> None:
    """Move the process that will become the supervisor into a scope of its own, where systemd runs. Never fails."""
    if not os.path.isdir("/run/systemd/system"):
        return
    from skerry.linux.systemd import start_scope

    name = f"skerry-supervisor-{pid}.scope"
    slice_ = "user.slice" if settings.rootless else "system.slice"
    try:
        start_scope(name, slice_, pid, user=settings.rootless)
    except (OSError, Unavailable):
        pass  # without a bus there is nobody to ask: it lives as long as the session
