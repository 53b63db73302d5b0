"""Removing images that nothing needs."""

from __future__ import annotations

from skerry.engine.images.listing import select
from skerry.engine.images.remove import remove_id
from skerry.errors import InUse, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine


def prune(engine: Engine, *, all: bool = False, filters: Sequence[str] = ()) -> list[str]:
    """See `Images.prune`."""
    removed = []
    for image in select(engine, filters=filters):
        if (image["names"] and not all) or image["containers"]:
            continue
        try:
            remove_id(engine, image["id"])
        except (InUse, NotFound):
            continue  # a container took it, or another command removed it, meanwhile
        removed.append(image["id"])
    return removed
