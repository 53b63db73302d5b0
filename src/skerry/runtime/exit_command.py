"""What conmon executes when a container has ended: our clean-up, unless a living client does it."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

# $1: the client's lock (held by flock while it lives), $2: the container's run folder; then the command.
# Waiting for the lock costs nothing: the client ends right after it cleaned up, or died and its lock with it. Without
# flock(1) nobody waits (and it is not told the path: it would make the file anew): then two may clean up, one after the other under the container's own lock.
_SCRIPT = 'lock=$1 bundle=$2; shift 2; (exec 9<"$lock" && flock 9) 2>/dev/null; [ -d "$bundle" ] || exit 0; exec "$@"'


def exit_command(command: Sequence[str], *, bundle: str, client_lock: str = "") -> list[str]:
    """``command`` (the clean-up) as conmon's exit command: only run when ``bundle`` still exists once ``client_lock``
    is free. A shell starts in 1 ms, a second Python in 20."""
    if not client_lock:
        return list(command)
    return ["/bin/sh", "-c", _SCRIPT, "skerry-exit", client_lock, bundle, *command]
