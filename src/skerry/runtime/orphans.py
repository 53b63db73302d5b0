"""Runtimes that go on creating a container although their conmon was killed.

Nobody reads their result any more, and the process that they make would wait for its start for ever. It has their
command line (it is forked, and not yet the program), so both are found by it.
"""

from __future__ import annotations

import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.runtime.oci import Runtime

_PATIENCE_S = 2.0


def kill_creators(runtime: Runtime, container_id: str) -> bool:
    """Kill each process that is ``RUNTIME … create … ID``, and wait until none is left; whether there was one.

    Reads the command lines of all processes (some milliseconds): only for a container that conmon left unreported."""
    met = False
    deadline = time.monotonic() + _PATIENCE_S
    # Again and again: one that is killed may have made its child in that very moment.
    while found := _creators(runtime, container_id):
        met = True
        for pid in found:
            try:
                os.kill(pid, 9)
            except ProcessLookupError:
                continue  # it has just ended
        if time.monotonic() > deadline:
            break
        time.sleep(0.002)
    return met


def _creators(runtime: Runtime, container_id: str) -> list[int]:
    wanted, program = os.fsencode(container_id), os.path.basename(os.fsencode(runtime.path))
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            fd = os.open(f"/proc/{name}/cmdline", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue  # it ended, or is another user's
        try:
            words = os.read(fd, 16384).rstrip(b"\0").split(b"\0")
        except OSError:
            continue
        finally:
            os.close(fd)
        # A script's interpreter comes before its own name.
        names = {os.path.basename(word) for word in words[:4]}
        if words[-1] == wanted and program in names and b"create" in words:
            found.append(int(name))
    return found
