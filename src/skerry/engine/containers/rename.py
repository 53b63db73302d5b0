"""``skerry rename``."""

from __future__ import annotations

from skerry.engine.containers import records
from skerry.engine.containers import state as states
from skerry.engine.containers.options.names import check_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def rename(engine: Engine, name: str, new_name: str) -> str:
    """Give a container another name; its id. `Conflict` when the name is taken, `Invalid` when it is no name."""
    check_name(new_name)
    container_id = states.find(engine, name)[0]["id"]
    with engine.store.lock("container", container_id):
        record, _state = states.reload(engine, container_id)
        record["name"] = record["config"]["name"] = new_name
        records.update(engine, record)
    engine.events.emit_container("rename", record)
    return container_id
