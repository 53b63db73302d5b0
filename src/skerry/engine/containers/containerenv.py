"""/run/.containerenv: how programs tell that they run in a container (Podman's file, its keys)."""

from __future__ import annotations

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
    text = _details(engine, record) if config.get("privileged") else ""
    if _has_the_store(engine, record):
        text += "graphRootMounted=1"
    run_files.write(path, text.encode(), 0o644)
    return [{"type": "bind", "source": path, "destination": PLACE, "options": ["bind", "rprivate"]}]


def _has_the_store(engine: Engine, record: ContainerRecord) -> bool:
    """Whether it sees the images and containers of this host: tools in it may not use them as if they were theirs."""
    root = engine.settings.root + "/"
    sources = (mount["source"] for mount in record["config"]["mounts"] if mount["type"] == "bind")
    return any(source and root.startswith(source.rstrip("/") + "/") for source in sources)


def _details(engine: Engine, record: ContainerRecord) -> str:
    from skerry.config.launcher import spoken_version

    values = {
        "engine": "-".join(spoken_version()), "name": record["name"], "id": record["id"], "image": record["image"],
        "imageid": record["image_id"],
    }  # fmt: skip
    lines = [f'{key}="{value}"\n' for key, value in values.items()]
    return "".join(lines) + f"rootless={int(engine.settings.rootless)}\n"
