"""``image tree``: an image's layers with the images that end at each, or the images that are based on it."""

from __future__ import annotations

from skerry.engine.images.listing import human_units, select
from skerry.engine.images.resolve import resolve
from skerry.store.layers import get_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed


def tree(engine: Engine, name: str, *, what_requires: bool = False) -> list[str]:
    """The lines as Podman prints them."""
    record = resolve(engine, name)
    tags = " ".join(sorted(record["names"]))
    lines = [f"Image ID: {record['id'][:12]}", f"Tags:     [{tags}]", f"Size:     {_size(record['size'])}"]
    tops: dict[str, list[Listed]] = {}
    for image in select(engine):
        if image["layers"]:
            tops.setdefault(image["layers"][-1], []).append(image)
    layers = record["layers"]
    if not layers:
        return [*lines, "No Image Layers"]
    lines.append("Image Layers")
    if not what_requires:
        for index, chain_id in enumerate(layers):
            mark = "└── " if index == len(layers) - 1 else "├── "
            lines.append(mark + _layer(engine, chain_id, tops))
        return lines
    return [*lines, *_branches(engine, [layers[-1]], _children(engine, tops), tops)]


def _children(engine: Engine, tops: dict[str, list[Listed]]) -> dict[str, list[str]]:
    """What lies on each layer: what leads to the newest images last."""
    parents: dict[str, str] = dict(engine.store.db.query("SELECT chain_id, coalesce(parent, '') FROM layers"))
    newest: dict[str, int] = {}
    for top, images in tops.items():
        created_ns, chain_id = max(image["created_ns"] for image in images), top
        while chain_id and newest.get(chain_id, -1) < created_ns:
            newest[chain_id], chain_id = created_ns, parents.get(chain_id, "")
    children: dict[str, list[str]] = {}
    for chain_id in sorted(parents, key=lambda chain_id: (newest.get(chain_id, -1), chain_id)):
        children.setdefault(parents[chain_id], []).append(chain_id)
    return children


def _branches(
    engine: Engine, roots: list[str], children: dict[str, list[str]], tops: dict[str, list[Listed]]
) -> list[str]:
    lines = []
    stack = [(chain_id, "", index == 0) for index, chain_id in enumerate(reversed(roots))]
    while stack:
        chain_id, indent, last = stack.pop()
        lines.append(indent + ("└── " if last else "├── ") + _layer(engine, chain_id, tops))
        below = indent + ("    " if last else "│   ")
        stack += [(child, below, index == 0) for index, child in enumerate(reversed(children.get(chain_id, [])))]
    return lines


def _layer(engine: Engine, chain_id: str, tops: dict[str, list[Listed]]) -> str:
    layer = get_layer(engine.store, chain_id)
    text = f"ID: {chain_id.removeprefix('sha256:')[:12]} Size: {_size(layer['size'] if layer else 0):>7}"
    names = sorted(name for image in tops.get(chain_id, ()) for name in image["names"])
    return f"{text} Top Layer of: [{' '.join(names)}]" if names else text


def _size(size: int) -> str:
    return human_units(size).replace(" ", "")
