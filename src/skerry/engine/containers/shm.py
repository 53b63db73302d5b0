"""/dev/shm of a container whose IPC namespace others may join (``--ipc shareable``, the default).

It is mounted outside, in the run folder, as Podman does: a file system that the runtime mounts inside the container
can be reached by nobody else. Goes with the run folder.
"""

from __future__ import annotations

import os

from skerry.engine.containers import state as states
from skerry.errors import Conflict, Unavailable
from skerry.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, mount

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

PLACE = "/dev/shm"


def shared_memory(engine: Engine, record: ContainerRecord) -> list[MountConfig]:
    """The mount of /dev/shm, made or found; nothing where the runtime makes it or the user mounts something there."""
    config = record["config"]
    mode, _, other = str(config["namespaces"]["ipc"]).partition(":")
    if any(each["destination"] == PLACE for each in config["mounts"]):
        return []
    if mode == "shareable":
        source = _make(engine, record)
    elif mode == "container":
        source = _find(engine, other)
    else:
        return []
    options = ["bind", "rprivate", "nosuid", "nodev", "noexec"]
    if config.get("read_only") and not config.get("read_only_tmpfs", True):
        options.append("ro")
    return [{"type": "bind", "source": source, "destination": PLACE, "options": options}]


def _make(engine: Engine, record: ContainerRecord) -> str:
    path = states.run_folder(engine, record["id"], "shm")
    try:
        os.mkdir(path, 0o700)
        size = record["config"]["shm_size"]
        mount("shm", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, f"mode=1777,size={size}")
    except OSError as error:
        raise Unavailable(f"cannot make {PLACE} of the container: {error.strerror}") from error
    return path


def _find(engine: Engine, container_id: str) -> str:
    """The other's, or that which it shares itself, which may be the host's."""
    record, _state = states.find(engine, container_id)
    mode, _, other = str(record["config"]["namespaces"]["ipc"]).partition(":")
    if mode == "container":
        return _find(engine, other)
    if mode == "host":
        return PLACE
    path = states.run_folder(engine, record["id"], "shm")
    if mode != "shareable" or not os.path.ismount(path):
        raise Conflict(
            f"joining IPC of container {record['id']} is not allowed: non-shareable IPC",
            hint="hint: use IpcMode:shareable for the donor container",
        )
    return path
