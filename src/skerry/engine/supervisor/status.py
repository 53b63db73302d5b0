"""What the supervisor is doing, seen from outside."""

from __future__ import annotations

import os

from skerry.engine.containers import state as states
from skerry.engine.containers.listing import health_status
from skerry.engine.supervisor import folder, is_running
from skerry.engine.supervisor.log import tail
from skerry.engine.supervisor.single import holder
from skerry.errors import NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine


def status(engine: Engine) -> dict[str, Any]:
    """Whether it runs, since when, how large it is, and whom it looks after."""
    running = is_running(engine)
    pid = holder(folder(engine, "lock")) if running else 0
    return {
        "Running": running,
        "Pid": pid,
        "MemoryBytes": _memory(pid),
        "Containers": _wards(engine),
        "Log": folder(engine, "log"),
    }


def log_lines(engine: Engine, count: int) -> list[str]:
    """The last lines of its log."""
    return tail(folder(engine, "log"), count)


def _memory(pid: int) -> int:
    """What would be free again without it (private pages)."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Private_"))
    except OSError:
        return 0


def _wards(engine: Engine) -> list[dict[str, Any]]:
    try:
        names = sorted(os.listdir(folder(engine, "wards")))
    except OSError:
        return []
    found = []
    for name in names:
        try:
            record, written = states.reload(engine, name)
        except NotFound:
            continue
        state = states.observe(engine, name, written)
        found.append(
            {
                "Id": name,
                "Name": record["name"],
                "State": state["status"],
                "Health": health_status(engine, record, state),
                "Why": "restart" if states.is_restarting(state) else "health",
            }
        )
    return found
