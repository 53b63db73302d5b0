"""``skerry diff``: what a container changed in its image, an image's top layer below it, or one in another."""

from __future__ import annotations

from skerry.engine.containers import fuse_marks
from skerry.engine.containers import state as states
from skerry.engine.images.resolve import by_name
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


def diff(engine: Engine, name: str, other: str = "", *, kind: str = "") -> list[Change]:
    """("A", "C" or "D", path) of each path that ``name`` changes: a container about its image, an image's top layer
    about those below, or either about ``other``. ``kind``: "container" or "image", when only such are meant.
    `NotFound`."""
    folders = _stack(engine, name, kind)
    if other:
        return tree_changes(Union(_stack(engine, other, kind)), Union(folders), _NOBODYS)
    return upper_changes(folders[0], Union(folders[1:]), _NOBODYS) if folders else []


def _stack(engine: Engine, name: str, kind: str) -> list[str]:
    """The folders of a container or an image, the uppermost first. (A container's own exists from its first mount.)

    An image goes before a container with the same name, as with Podman; but not one whose id merely begins so."""
    image = find_image(engine, name) if kind == "image" else None if kind else by_name(engine, name)
    if image is None and kind != "image":
        try:
            return _of_container(engine, name)
        except NotFound:
            image = None if kind else find_image(engine, name)
    if image is None:
        missing = {"container": "container not known", "image": f"{name}: image not known"}.get(kind, "layer not known")
        raise NotFound(f"{name} not found: {missing}")
    return _folders(engine, image["layers"])


def _of_container(engine: Engine, name: str) -> list[str]:
    record, _state = states.find(engine, name)
    fuse_marks.translate(engine, record["id"])
    below = record["config"].get("rootfs_lower", "")
    return [states.folder(engine, record["id"], "upper"), *([below] if below else _folders(engine, record["layers"]))]


def _folders(engine: Engine, layers: list[str]) -> list[str]:
    return [layer_dir(engine.store, chain_id) for chain_id in reversed(layers)]
