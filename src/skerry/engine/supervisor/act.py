"""What the supervisor has done by a command of its own: errors go to its log."""

from __future__ import annotations

from skerry.engine.health.act import act as do
from skerry.engine.supervisor import folder
from skerry.engine.supervisor.log import Log
from skerry.errors import SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def act(engine: Engine, container_id: str, kind: str) -> int:
    """Do it; the exit code."""
    log = Log(folder(engine, "log"))
    engine.log = engine.warn = log.line
    try:
        do(engine, container_id, kind)
    except SkerryError as error:
        log.line(f"{container_id[:12]}: {kind}: {error}")
        return error.exit_code
    return 0
