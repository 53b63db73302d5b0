"""Removing images that nothing needs."""

from __future__ import annotations

from skerry.engine.images.listing import select
from skerry.engine.images.remove import remove
from skerry.engine.manifests.listing import instances
from skerry.errors import InUse, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine


def prune(engine: Engine, *, all: bool = False, filters: Sequence[str] = ()) -> list[str]:
    """See `Images.prune`."""
    removed = []
    needed = set() if all else instances(engine)
    images = select(engine, filters=filters, lists=True)
    for image in sorted(images, key=lambda image: bool(image["layers"])):  # lists first: they need their images
        if image.get("store") or (not all and (image["names"] or image["id"] in needed)) or image["containers"]:
            continue
        try:
            remove(engine, image["id"], whole=True, prune=False)
        except (InUse, NotFound):
            continue  # a container took it, or another command removed it, meanwhile
        removed.append(image["id"])
    return removed
