"""``skerry container clone``: a container like another one, over a fresh root file system.

It has the same volumes, also the anonymous ones (they stay the other one's: its removal takes them along), ports and
addresses; what names files outside (cidfile, pidfiles) is not taken over.
"""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.containers import state as states
from skerry.engine.containers.create import find_image, record_new
from skerry.engine.containers.options.names import check_name
from skerry.engine.containers.options.resources import changed
from skerry.errors import Conflict, Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine

_OWN_FILES = ("cid_file", "pid_file", "conmon_pid_file")


def clone(
    engine: Engine, name: str, *, new_name: str = "", image: str = "", limits: CreateOptions | None = None,
    destroy: bool = False, force: bool = False, run: bool = False,
) -> ContainerRecord:  # fmt: skip
    """Make a container like ``name`` with another image and other limits, if given; then remove that one (``destroy``,
    with ``force`` also a running one), then start the new one (``run``).

    Killed in between, both exist. `NotFound`, `Conflict` (name; the old one runs), `Invalid`."""
    if force and not destroy:
        raise Invalid("cannot set --force without --destroy: invalid argument")
    source, written = states.find(engine, name)
    state = states.observe(engine, source["id"], written)
    if destroy and not force and state["status"] in ("running", "paused", "stopping"):
        raise Conflict(
            f"cannot remove container {source['id']} as it is {state['status']} - running or paused containers cannot be "
            "removed without force: container state improper"
        )
    record = _like(source)
    record["config"]["resources"] = changed(limits or {}, source["config"].get("resources", {}))[0]
    if image:
        found = find_image(engine, {"image": image})
        record["image"] = found["names"][0] if found["names"] else found["id"]
        record["image_id"], record["layers"] = found["id"], found["layers"]
    _record(engine, record, new_name, source["name"])
    if destroy:
        engine.containers.remove(source["id"], force=force)
    if run:
        engine.containers.start(record["id"])
    return record


def _like(source: ContainerRecord) -> ContainerRecord:
    record: ContainerRecord = fastjson.loads(fastjson.dumps(source))
    config = record["config"]
    record["id"] = config["id"] = os.urandom(32).hex()
    record["created_ns"] = time.time_ns()
    if config["hostname"] == source["id"][:12]:
        config["hostname"] = record["id"][:12]
    for key in _OWN_FILES:
        record.pop(key, None)  # type: ignore[misc]
    config.pop("log_path", None)  # two must not write one file
    for mount in config["mounts"]:
        mount.pop("anonymous", None)
    return record


def _record(engine: Engine, record: ContainerRecord, new_name: str, old_name: str) -> None:
    if new_name:
        check_name(new_name)
        record["name"] = record["config"]["name"] = new_name
        record_new(engine, record)
    base, number = old_name, 0
    before, clone, after = old_name.rpartition("-clone")
    if before and clone and (not after or (after.isascii() and after.isdigit())):
        base, number = before, 1  # a clone's clone is the next one of the same row
    while not new_name:
        record["name"] = record["config"]["name"] = f"{base}-clone{number or ''}"
        try:
            record_new(engine, record)
            return
        except Conflict:
            if not engine.containers.exists(record["name"]):
                raise
            number += 1
