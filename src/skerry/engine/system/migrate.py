"""``skerry system migrate``: everything stopped, so that what containers hold on to can be made anew.

A user's namespace keeps the subordinate ids that it was made with as long as anything runs in it.
"""

from __future__ import annotations

import os
import signal

from skerry.engine.containers import exits, records
from skerry.engine.containers import state as states
from skerry.errors import NotFound
from skerry.linux import process
from skerry.runtime import oci

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine


def migrate(engine: Engine, new_runtime: str = "") -> list[str]:
    """Stop all containers (the ids of those that ran), give them another runtime if there is one of that name
    (`Invalid`), and end the process that holds the user's namespace."""
    if new_runtime:
        oci.find(engine.settings, new_runtime)
    ids = engine.containers.ids()
    running = [container_id for container_id in ids if _runs(engine, container_id)]
    engine.containers.ask_all_to_stop(running)
    for container_id in running:
        try:
            engine.containers.stop(container_id)
        except NotFound:
            continue  # it removed itself
    for container_id in ids if new_runtime else ():
        try:
            _give_runtime(engine, container_id, new_runtime)
        except NotFound:
            continue
    _end_holder(engine)
    return running


def _runs(engine: Engine, container_id: str) -> bool:
    try:
        record, written = states.reload(engine, container_id)
    except NotFound:
        return False
    return states.observe(engine, record["id"], written)["status"] in states.LIVE


def _give_runtime(engine: Engine, container_id: str, name: str) -> None:
    with engine.store.lock("container", container_id):
        record, written = states.reload(engine, container_id)
        state = exits.settle(engine, record, written)
        if state["status"] not in states.LIVE:  # somebody started it again: it keeps what it runs with
            record["config"]["runtime"] = name
            records.update(engine, record)


def _end_holder(engine: Engine) -> None:
    from skerry.engine.rootless import holder_file, read_holder

    settings = engine.settings
    holder = read_holder(settings, any_ids=True) if settings.rootless else None
    if holder is None:
        return
    try:
        os.unlink(holder_file(settings))  # first, so that nobody joins it any more
        if process.is_same(*holder):
            os.kill(holder[0], signal.SIGTERM)
    except OSError:
        pass  # it ended, or another command was faster
