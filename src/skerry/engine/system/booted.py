"""The first command after the machine started: what was to be removed at its end, and ended with the machine, goes."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import SkerryError
from skerry.linux import process
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

# Its JSON is compact.
_ENDED = """SELECT id, state FROM containers WHERE instr(state, ?) = 0 AND instr(doc, '"auto_remove":true')"""


def clean(engine: Engine, noted: str) -> None:
    """Remove ``--rm`` containers that ran in an earlier boot, as Podman does, and note this boot in the file ``noted``.

    Killed anywhere, the next command does the rest. Never fails: what cannot be removed is left and logged."""
    try:
        if os.path.exists(engine.store.path("skerry.db")):
            for name in ("layers", "containers", "volumes"):
                if os.path.isdir(path := engine.store.path(name)):
                    os.chmod(path, 0o700)  # in stores that were made earlier other users could pass through them
            _remove_ended(engine)
        step("boot.note")
        os.makedirs(os.path.dirname(noted), mode=0o700, exist_ok=True)
        with open(noted + f".{os.getpid()}", "w", encoding="ascii") as file:
            file.write(process.boot_id())
        os.rename(file.name, noted)
    except SkerryError as error:
        engine.log(f"what ended with the machine cannot be removed: {error.message}")
    except OSError:
        pass  # a full disk, or not ours: the next command looks again


def _remove_ended(engine: Engine) -> None:
    for container_id, text in engine.store.db.query(_ENDED, process.boot_id()):
        if fastjson.loads(text)["status"] == "created":
            continue  # it has not run
        from skerry.engine.containers.remove import remove_ended

        remove_ended(engine, container_id)
