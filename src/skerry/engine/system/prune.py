"""``skerry system prune``: everything that nothing uses, in the order in which one thing frees the next."""

from __future__ import annotations

from skerry.engine.system.df import layer_sizes
from skerry.errors import Invalid
from skerry.records import dataclass
from skerry.store.partial import sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine

FILTERS = ("label", "label!", "until")


@dataclass(frozen=True)
class PruneReport:
    """Ids and names of what was removed, and how many bytes that freed."""

    containers: list[str]
    networks: list[str]
    volumes: list[str]
    images: list[str]
    reclaimed: int


def prune(engine: Engine, *, all: bool, volumes: bool, filters: Sequence[str] = ()) -> PruneReport:
    """See `System.prune`. What another command takes into use meanwhile stays."""
    for item in filters:
        if item.partition("=")[0] not in FILTERS:
            raise Invalid(f'invalid filter "{item.partition("=")[0]}"', hint=", ".join(FILTERS))
    containers = engine.containers.prune(filters=filters)
    networks = engine.networks.prune(filters=filters)
    removed_volumes = engine.volumes.prune(filters=filters, all=True) if volumes else []
    before = sum(layer_sizes(engine).values())
    images = engine.images.prune(all=all, filters=filters)
    freed = max(0, before - sum(layer_sizes(engine).values())) if images else 0
    freed += sweep(engine.store, max_bytes=0)  # what pulls that were cut left
    return PruneReport(
        [container for container, _ in containers], networks, [name for name, _ in removed_volumes], images,
        freed + sum(size for _, size in [*containers, *removed_volumes]),
    )  # fmt: skip
