"""Lists of manifests among images: in ``images``, ``system df``, prune."""

from __future__ import annotations

from skerry.engine.images.listing import past
from skerry.engine.manifests.find import all_lists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed
    from skerry.engine.manifests.types import IndexRecord


def as_images(engine: Engine) -> list[Listed]:
    """Every list as an image without layers, newest first."""
    return [_as_image(engine, record) for record in all_lists(engine)]


def _as_image(engine: Engine, record: IndexRecord) -> Listed:
    return {
        "id": record["id"], "digest": record["digest"], "media_type": record["media_type"],
        "created_ns": record["created_ns"], "loaded_ns": record["created_ns"],
        "size": record["size"] + _artifacts_size(engine, record), "layers": [], "diff_ids": [], "config": {},
        "architecture": "", "os": "", "variant": "", "author": "", "comment": "", "history": [],
        "annotations": record["annotations"], "names": sorted(record["names"]), "containers": 0, "is_parent": False,
        "past_names": past(engine, record["id"]),
    }  # fmt: skip


def _artifacts_size(engine: Engine, record: IndexRecord) -> int:
    """Bytes of what only the list has."""
    import os

    from skerry.store.blobs import blob_place

    total = 0
    for digest in {blob for item in record["entries"] for blob in item.get("blobs") or ()}:
        try:
            total += os.stat(blob_place(engine.store, digest)).st_size
        except OSError:
            continue  # `system check` says so
    return total


def instances(engine: Engine) -> set[str]:
    """Ids of the images that are in lists: nameless ones among them are no rubbish."""
    return {item["image_id"] for record in all_lists(engine) for item in record["entries"] if item.get("image_id")}
