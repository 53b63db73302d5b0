"""``--sdnotify``: what systemd (or whoever listens on NOTIFY_SOCKET) is told about a container that starts.

In the mode ``container`` (the default) conmon passes on what the program writes to a socket of the container's own; we
tell which process systemd is to follow, conmon. ``conmon`` means: ready as soon as it runs; ``healthy``: as soon as its
health check succeeded; ``ignore``: nothing.
"""

from __future__ import annotations

import _socket
import os
import time

from skerry.engine.containers import state as states
from skerry.errors import Unavailable
from skerry.linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

FOLDER = "/run/notify"
_LOOK_S = 0.1
_EXTEND_S, _MORE_S = 10, 30  # how often systemd is asked for more time, and for how much


def socket_path(record: ContainerRecord) -> str:
    """Where to tell it: who starts the container says so, or who created it did; empty when nobody wants to know."""
    if record.get("sdnotify") == "ignore":
        return ""
    return os.environ.get("NOTIFY_SOCKET") or record.get("notify_socket", "")


def proxied(record: ContainerRecord) -> str:
    """The socket that the container's program may write to by way of conmon; empty: none."""
    return socket_path(record) if record.get("sdnotify", "container") == "container" else ""


def mounts(engine: Engine, record: ContainerRecord) -> list[MountConfig]:
    """The folder in which conmon will make the container's socket."""
    if not proxied(record):
        return []
    path = states.run_folder(engine, record["id"], "notify")
    try:
        os.makedirs(path, mode=0o755, exist_ok=True)
        os.chmod(path, 0o755)
    except OSError as error:
        raise Unavailable(f"cannot make {path}: {error.strerror}") from error
    return [{"type": "bind", "source": path, "destination": FOLDER, "options": ["bind", "rprivate"]}]


def add_environment(document: dict[str, Any], record: ContainerRecord) -> None:
    """Tell the program where its socket is."""
    if proxied(record):
        document["process"]["env"].append(f"NOTIFY_SOCKET={FOLDER}/notify.sock")


def announce(engine: Engine, record: ContainerRecord, *, foreground: bool) -> None:
    """After the start, without the container's lock. Never fails: the container runs in any case.

    In the mode ``healthy`` this waits for it; a foreground command, which has to attach, lets a thread do so."""
    path = socket_path(record)
    if not path:
        return
    state = states.reload(engine, record["id"])[1]
    mode = record.get("sdnotify", "container")
    text = f"MAINPID={state.get('conmon_pid', 0)}"
    _send(engine, path, text + ("\nREADY=1" if mode == "conmon" else ""))
    if mode != "healthy":
        return
    if foreground:
        import _thread

        _thread.start_new_thread(_when_healthy, (engine, record["id"], state, path))
    else:
        _when_healthy(engine, record["id"], state, path)


def _when_healthy(engine: Engine, container_id: str, state: ContainerState, path: str) -> None:
    """Files and /proc only: the database belongs to another thread.

    Until it is found unhealthy systemd is asked for more time: its start may take longer than systemd waits."""
    from skerry.engine.health.results import read

    extend_at = 0.0
    while process.is_same(state["pid"], state["pid_start"]):
        status = read(engine, container_id, state)["status"]
        if status == "healthy":
            _send(engine, path, "READY=1")
            return
        if status == "starting" and time.monotonic() >= extend_at:
            extend_at = time.monotonic() + _EXTEND_S
            _send(engine, path, f"EXTEND_TIMEOUT_USEC={_MORE_S * 10**6}")
        time.sleep(_LOOK_S)


def _send(engine: Engine, path: str, text: str) -> None:
    address: str | bytes = b"\0" + os.fsencode(path[1:]) if path.startswith("@") else path
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        socket.sendto(text.encode(), address)
    except OSError as error:
        engine.warn(f"Notifying systemd of conmon's pid: {path}: {error.strerror or error}")
    finally:
        socket.close()
