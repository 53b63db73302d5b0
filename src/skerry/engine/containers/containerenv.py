"""/run/.containerenv: how programs tell that they run in a container (Podman's file, its keys)."""

from __future__ import annotations

from skerry import __version__
from skerry.engine.containers import run_files
from skerry.engine.containers import state as states

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

PLACE = "/run/.containerenv"


def containerenv(engine: Engine, record: ContainerRecord) -> list[MountConfig]:
    """The mount of the file, written. Details are only told to privileged containers; none inside a mount of the user's."""
    config = record["config"]
    if any(
        mount["destination"] in ("/run", "/var/run", PLACE) and mount["type"] != "tmpfs" for mount in config["mounts"]
    ):
        return []
    path = states.run_folder(engine, record["id"], "containerenv")
    run_files.write(path, _details(engine, record).encode() if config.get("privileged") else b"", 0o644)
    return [{"type": "bind", "source": path, "destination": PLACE, "options": ["bind", "rprivate"]}]


def _details(engine: Engine, record: ContainerRecord) -> str:
    values = {
        "engine": f"skerry-{__version__}", "name": record["name"], "id": record["id"], "image": record["image"],
        "imageid": record["image_id"],
    }  # fmt: skip
    lines = [f'{key}="{value}"\n' for key, value in values.items()]
    return "".join(lines) + f"rootless={int(engine.settings.rootless)}\n"
