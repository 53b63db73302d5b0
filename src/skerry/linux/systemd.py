"""Asking systemd for a transient scope, by busctl: only on hosts that run systemd."""

from __future__ import annotations

import os
import time

from skerry.errors import Unavailable
from skerry.linux.spawn import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ARGUMENTS = (
    "org.freedesktop.systemd1",
    "/org/freedesktop/systemd1",
    "org.freedesktop.systemd1.Manager",
    "StartTransientUnit",
)


# Everything starts at once at a boot, also what systemd and the bus must do first.
_PATIENCE_S = 60.0


def surroundings() -> dict[str, str]:
    """The environment for systemd's own programs: each tells NOTIFY_SOCKET how it failed (ERRNO=2), where only the
    container's progress is awaited."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}


def start_scope(
    name: str, slice_: str, pid: int, *, user: bool, others: Sequence[int] = (), timeout_s: float = _PATIENCE_S
) -> None:  # fmt: skip
    """Move ``pid`` (and ``others``) into a new scope ``name`` of ``slice_`` ("": the usual one); returns when it is there. `Unavailable` when systemd refuses."""
    slices = ("Slice", "s", slice_) if slice_ else ()
    done = run(
        ["busctl", "--user" if user else "--system", "--quiet", f"--timeout={timeout_s:g}", "call", *_ARGUMENTS,
         "ssa(sv)a(sa(sv))", name, "fail", "2" if slice_ else "1",
         "PIDs", "au", str(1 + len(others)), str(pid), *map(str, others), *slices, "0"],
        env=surroundings(), timeout_s=timeout_s + 1,  # busctl's own end tells more
    )  # fmt: skip
    if done.code != 0:
        raise Unavailable(f"systemd did not make the scope {name}: {done.stderr.decode(errors='replace').strip()}")
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            if name in file.read():
                return
        time.sleep(0.001)
    raise Unavailable(f"systemd did not move process {pid} to {name} in time", hint=os.strerror(110))
