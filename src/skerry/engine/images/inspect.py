"""``skerry image inspect``: Podman's keys."""

from __future__ import annotations

from skerry.engine.images.listing import past, repo_digests, utc
from skerry.engine.images.resolve import resolve
from skerry.store.layers import layer_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord


_EMPTY = {
    "User": "", "ExposedPorts": {}, "Env": [], "Entrypoint": [], "Cmd": [], "Volumes": {}, "WorkingDir": "", "Labels": {},
    "StopSignal": "", "OnBuild": [], "Shell": [],
}  # fmt: skip


class Config(dict[str, "Any"]):
    """What a container starts from. JSON has no empty fields; templates find them, as Go's have them."""

    def __contains__(self, key: object) -> bool:
        return super().__contains__(key) or key in _EMPTY

    def __missing__(self, key: str) -> Any:
        return _EMPTY[key]


def inspect(engine: Engine, name: str) -> dict[str, Any]:
    """See `Images.inspect`."""
    image = resolve(engine, name)
    config = Config({key: value for key, value in image["config"].items() if value not in (None, "", [], {}, False)})
    found: dict[str, Any] = {
        "Id": image["id"],
        "Digest": image["digest"],
        "RepoTags": [name for name in image["names"] if "@" not in name],
        "RepoDigests": repo_digests(image),
        "Parent": "",
        "Comment": image["comment"],
        "Created": utc(image["created_ns"]),
        "Config": config,
        "Version": str((config.get("Labels") or {}).get("version", "")),
        "Author": image["author"],
        "Architecture": image["architecture"],
        "Os": image["os"],
        "Size": image["size"],
        "VirtualSize": image["size"],
        "GraphDriver": {"Name": "overlay", "Data": _directories(engine, image)},
        "RootFS": {"Type": "layers", "Layers": image["diff_ids"]},
        "Labels": config.get("Labels") or None,
        "Annotations": image["annotations"],
        "ManifestType": image["media_type"],
        "User": config.get("User", ""),
        "History": image["history"],
        "NamesHistory": past(engine, image["id"]),
    }
    if config.get("Healthcheck"):
        found["Healthcheck"] = config["Healthcheck"]
    return found


def _directories(engine: Engine, image: ImageRecord) -> dict[str, str]:
    folders = [layer_dir(engine.store, chain_id) for chain_id in reversed(image["layers"])]
    if not folders:
        return {}
    lower = {"LowerDir": ":".join(folders[1:])} if len(folders) > 1 else {}
    return {**lower, "UpperDir": folders[0]}
