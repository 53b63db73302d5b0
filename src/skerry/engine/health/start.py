"""When a container with a health check starts."""

from __future__ import annotations

from skerry.engine import supervisor
from skerry.engine.health import is_timed
from skerry.engine.health.check import end_left_behind

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine


def begin(engine: Engine, record: ContainerRecord) -> None:
    """Have it checked from now on. Results of its last run do not count any more by themselves."""
    end_left_behind(engine, record["id"])
    if is_timed(record["config"]):
        supervisor.watch(engine, record["id"])
