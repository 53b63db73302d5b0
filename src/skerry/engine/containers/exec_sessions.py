"""Programs that run beside a container's first one: what ``inspect`` lists as ExecIDs.

A session is a folder in the container's run folder: it costs no transaction, and a container's end, a reboot or a
killed client cannot leave a wrong record behind, for whether it runs is always observed.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.containers.state import run_folder
from skerry.errors import Conflict, Invalid, NotFound, Unavailable
from skerry.linux import process
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine

_FILE = "session.json"


def new_id() -> str:
    """A fresh session id."""
    return os.urandom(32).hex()


def session_folder(engine: Engine, container_id: str, session_id: str, *names: str) -> str:
    """Where the session's files are."""
    return run_folder(engine, container_id, "exec", session_id, *names)


def make_folder(engine: Engine, container_id: str, session_id: str) -> str:
    """The session's folder, made. `Unavailable` when the container has just gone."""
    path = session_folder(engine, container_id, session_id)
    step("exec.folder")
    try:
        os.makedirs(path, mode=0o700)
    except OSError as error:
        raise Unavailable(f"cannot make {path}: {error.strerror}") from error
    return path


def note(engine: Engine, container_id: str, session_id: str, *, pid: int, process_spec: dict[str, Any]) -> None:
    """Make the session known; ``pid`` is the program's (or, without conmon, of the runtime that waits for it)."""
    folder = session_folder(engine, container_id, session_id)
    record = {
        "id": session_id, "container": container_id, "pid": pid, "pid_start": process.start_time(pid) or 0,
        "args": process_spec["args"], "terminal": process_spec.get("terminal", False),
    }  # fmt: skip
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        with open(os.path.join(folder, _FILE), "wb") as file:
            file.write(fastjson.encode(record))
    except OSError:
        pass  # the container ended meanwhile, and its folder with it: there is nothing to list any more


def forget(engine: Engine, container_id: str, session_id: str) -> None:
    """Remove the session's folder. Idempotent."""
    step("exec.forget")
    remove_tree(session_folder(engine, container_id, session_id))


def sessions(engine: Engine, container_id: str) -> list[dict[str, Any]]:
    """The sessions of a container that run: id, container, pid, args, terminal."""
    try:
        names = sorted(os.listdir(run_folder(engine, container_id, "exec")))
    except OSError:
        return []
    found = []
    for name in names:
        record = _read(session_folder(engine, container_id, name, _FILE))
        if record is not None and process.is_same(record["pid"], record["pid_start"]):
            found.append(record)
    return found


def find(engine: Engine, session_id: str) -> dict[str, Any]:
    """A session of any container, with ``running`` and ``exit_code`` (None while it runs, or unknown)."""
    base = engine.store.run_path("containers")
    for container_id in os.listdir(base) if os.path.isdir(base) else ():
        record = _read(session_folder(engine, container_id, session_id, _FILE))
        if record is not None:
            record["running"] = process.is_same(record["pid"], record["pid_start"])
            record["exit_code"] = _exit_code(session_folder(engine, container_id, session_id, "exit", session_id))
            return record
    raise NotFound(f"no exec session with ID {session_id} found: no such exec session")


def clean_up(engine: Engine, container_id: str, session_id: str) -> None:
    """Remove the folder of a session that ended. Idempotent; `Conflict` while it runs, `Invalid` for what is no id."""
    if not session_id or session_id.strip("0123456789abcdef"):
        raise Invalid(f"{session_id!r} is no id of an exec session")
    record = _read(session_folder(engine, container_id, session_id, _FILE))
    if record is not None and process.is_same(record["pid"], record["pid_start"]):
        raise Conflict(f"exec session {session_id} is running: container state improper")
    forget(engine, container_id, session_id)


def sweep(engine: Engine, container_id: str) -> None:
    """Remove the folders of sessions that ended; their exit codes with them."""
    base = run_folder(engine, container_id, "exec")
    try:
        names = os.listdir(base)
    except OSError:
        return
    for name in names:
        record = _read(os.path.join(base, name, _FILE))
        if record is not None and not process.is_same(record["pid"], record["pid_start"]):
            forget(engine, container_id, name)


def _read(path: str) -> dict[str, Any] | None:
    try:
        with open(path, "rb") as file:
            record = fastjson.loads(file.read(1 << 20))
    except (OSError, Invalid):
        return None  # being written, or gone
    return record if isinstance(record, dict) else None


def _exit_code(path: str) -> int | None:
    try:
        with open(path, "rb") as file:
            return int(file.read(16))
    except (OSError, ValueError):
        return None
