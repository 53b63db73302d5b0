"""Named durable acts, so that a test can list them all and kill the process at each.

``SKERRY_CRASH_AT=name`` (or ``name:3`` for the third time) kills this process with SIGKILL when it reaches
the step; ``SKERRY_TRACE_STEPS=file`` appends the names of all steps as they are reached.
"""

from __future__ import annotations

import os

_crash_at, _, _count = os.environ.get("SKERRY_CRASH_AT", "").partition(":")
_remaining = int(_count or 1) if _crash_at else 0
_trace = os.environ.get("SKERRY_TRACE_STEPS", "")


def step(name: str) -> None:
    """Mark that the durable act ``name`` (``noun.verb``) comes next."""
    global _remaining
    if _trace:
        fd = os.open(_trace, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.write(fd, name.encode() + b"\n")
        os.close(fd)
    if name == _crash_at:
        _remaining -= 1
        if _remaining == 0:
            os.kill(os.getpid(), 9)
