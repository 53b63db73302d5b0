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


def surroundings() -> dict[str, str]:
    """The environment for systemd's own programs: each tells NOTIFY_SOCKET how it failed (ERRNO=2), where only the
    container's progress is awaited."""
    return {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}


def start_scope(
    name: str, slice_: str, pid: int, *, user: bool, others: Sequence[int] = (), timeout_s: float = 5.0
) -> None:  # fmt: skip
    """Move ``pid`` (and ``others``) into a new scope ``name`` of ``slice_``; returns when it is there. `Unavailable` when systemd refuses."""
    done = run(
        ["busctl", "--user" if user else "--system", "--quiet", "call", *_ARGUMENTS, "ssa(sv)a(sa(sv))", name, "fail", "2",
         "PIDs", "au", str(1 + len(others)), str(pid), *map(str, others), "Slice", "s", slice_, "0"],
        env=surroundings(), timeout_s=timeout_s,
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
