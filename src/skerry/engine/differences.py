"""``skerry diff``: what a container changed in its image, an image's top layer below it, or one in another."""

from __future__ import annotations

from skerry.engine.containers import fuse_marks
from skerry.engine.containers import state as states
from skerry.engine.images.resolve import find as find_image
from skerry.errors import NotFound
from skerry.store.changes import tree_changes, upper_changes
from skerry.store.layers import layer_dir
from skerry.store.union import Union

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.store.changes import Change

# What a runtime makes in every container; Podman leaves the same out.
_NOBODYS = {
    "/dev", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf", "/proc", "/run", "/run/.containerenv",
    "/run/notify", "/run/secrets", "/sys",
}  # fmt: skip


def diff(engine: Engine, name: str, other: str = "", *, images_only: bool = False) -> list[Change]:
    """("A", "C" or "D", path) of each path that ``name`` changes: a container about its image, an image's top layer
    about those below, or either about ``other``. `NotFound`."""
    folders = _stack(engine, name, images_only=images_only)
    if other:
        return tree_changes(Union(_stack(engine, other, images_only=images_only)), Union(folders), _NOBODYS)
    return upper_changes(folders[0], Union(folders[1:]), _NOBODYS) if folders else []


def _stack(engine: Engine, name: str, *, images_only: bool) -> list[str]:
    """The folders of a container or an image, the uppermost first. (A container's own exists from its first mount.)"""
    layers: list[str]
    upper, below = None, ""
    try:
        if images_only:
            raise NotFound(name)
        record, _state = states.find(engine, name)
        layers, upper = record["layers"], states.folder(engine, record["id"], "upper")
        below = record["config"].get("rootfs_lower", "")
        fuse_marks.translate(engine, record["id"])
    except NotFound:
        image = find_image(engine, name)
        if image is None:
            raise NotFound(
                f"{name}: image not known" if images_only else f"{name} not found: layer not known"
            ) from None
        layers = image["layers"]
    folders = [below] if below else [layer_dir(engine.store, chain_id) for chain_id in reversed(layers)]
    return folders if upper is None else [upper, *folders]
