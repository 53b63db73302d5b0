"""``skerry history``."""

from __future__ import annotations

from skerry.engine.images.add import parse_time
from skerry.engine.images.listing import utc
from skerry.engine.images.resolve import resolve
from skerry.engine.times import NEVER_NS
from skerry.store.layers import get_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine


def history(engine: Engine, name: str) -> list[dict[str, Any]]:
    """Newest first, with the keys of ``podman history --format json``; ``created_ns`` and ``tags`` besides."""
    image = resolve(engine, name)
    layers = iter(image["layers"])
    rows: list[dict[str, Any]] = []
    for entry in image["history"]:
        size = 0
        if not entry.get("empty_layer"):
            layer = get_layer(engine.store, chain_id) if (chain_id := next(layers, None)) else None
            size = layer["size"] if layer else 0
        rows.append(_row(entry, size))
    rows += [_row({}, layer["size"]) for chain_id in layers if (layer := get_layer(engine.store, chain_id))]
    rows.reverse()
    for row in rows[:1]:
        row["id"] = image["id"]
        row["tags"] = image["names"]
    return rows


def _row(entry: dict[str, Any], size: int) -> dict[str, Any]:
    created_ns = parse_time(entry.get("created"))
    return {
        "id": "<missing>",
        "created": utc(created_ns - created_ns % 10**9 if created_ns != NEVER_NS else created_ns),
        "Created": utc(created_ns),
        "CreatedBy": _text(entry.get("created_by")),
        "size": size,
        "comment": _text(entry.get("comment")),
        "created_ns": created_ns,
        "tags": [],
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
