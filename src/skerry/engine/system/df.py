"""``skerry system df``: what takes the room.

Images share layers: each layer counts once, and what an image has alone is what its removal would free.
"""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.containers.listing import observed
from skerry.engine.disk_usage import tree_size
from skerry.engine.images.listing import select
from skerry.engine.volumes.find import all_volumes
from skerry.image.reference import repository_of, tag_of
from skerry.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.builds.types import CacheRow
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed


@dataclass(frozen=True)
class ImageUsage:
    """Bytes of an image: in all, in layers that other images have too, and its own."""

    id: str
    names: list[str]
    created_ns: int
    size: int
    shared_size: int
    unique_size: int
    containers: int

    @property
    def repository(self) -> str:
        """Of its first name."""
        return repository_of(self.names[0]) if self.names else "<none>"

    @property
    def tag(self) -> str:
        """Of its first name."""
        return tag_of(self.names[0]) if self.names else "<none>"


@dataclass(frozen=True)
class ContainerUsage:
    """Bytes that a container wrote."""

    record: ContainerRecord
    state: ContainerState
    size: int

    @property
    def active(self) -> bool:
        """Whether it would stay if one pruned."""
        return self.state["status"] not in ("created", "exited", "removing")


@dataclass(frozen=True)
class VolumeUsage:
    """Bytes in a volume, and how many containers have it."""

    name: str
    size: int
    links: int


@dataclass(frozen=True)
class Summary:
    """One line of the table. Sizes in bytes."""

    type: str
    total: int
    active: int
    size: int
    reclaimable: int


@dataclass(frozen=True)
class DiskUsage:
    """Everything that `disk_usage` found. ``images_size`` counts each layer once, ``images_reclaimable`` those
    layers that no container's image has."""

    images: list[ImageUsage] = field(default_factory=list)
    containers: list[ContainerUsage] = field(default_factory=list)
    volumes: list[VolumeUsage] = field(default_factory=list)
    build_cache: list[CacheRow] = field(default_factory=list)
    images_size: int = 0
    images_reclaimable: int = 0

    def summaries(self) -> list[Summary]:
        """Images, containers, volumes; and what builds keep, if it was asked for and there is any."""
        busy = [item for item in self.containers if item.active]
        used = [item for item in self.volumes if item.links]
        written, in_volumes = sum(item.size for item in self.containers), sum(item.size for item in self.volumes)
        return [
            Summary(
                "Images", len(self.images), sum(1 for item in self.images if item.containers), self.images_size,
                self.images_reclaimable,
            ),
            Summary("Containers", len(self.containers), len(busy), written, written - sum(item.size for item in busy)),
            Summary(
                "Local Volumes", len(self.volumes), len(used), in_volumes,
                in_volumes - sum(item.size for item in used),
            ),
            *self._cached(),
        ]  # fmt: skip

    def _cached(self) -> list[Summary]:
        """Layers of images are counted there."""
        rows = self.build_cache
        if not rows:
            return []
        active = sum(row.in_use or row.shared for row in rows)
        size = sum(row.size for row in rows if not row.shared)
        return [Summary("Build Cache", len(rows), active, size, sum(row.size for row in rows if row.reclaimable))]


def disk_usage(engine: Engine, *, build_cache: bool = False) -> DiskUsage:
    """See `System.disk_usage`. Reads the trees of containers and volumes; images' sizes are known."""
    containers = [_container(engine, record, state) for record, state in observed(engine)]
    images, size, reclaimable = _images(engine)
    cached = engine.builds.du() if build_cache else []
    return DiskUsage(images, containers, _volumes(engine), cached, size, reclaimable)


def _container(engine: Engine, record: ContainerRecord, state: ContainerState) -> ContainerUsage:
    return ContainerUsage(record, state, tree_size(engine.store.path("containers", record["id"], "upper")))


def _volumes(engine: Engine) -> list[VolumeUsage]:
    links: dict[str, int] = dict(engine.store.db.query("SELECT volume, count(*) FROM volume_users GROUP BY volume"))
    return [
        VolumeUsage(record["name"], tree_size(record["mountpoint"]), links.get(record["name"], 0))
        for record in all_volumes(engine)
    ]


def _images(engine: Engine) -> tuple[list[ImageUsage], int, int]:
    """All images; bytes of all together; bytes of those that no container uses and that no used image shares."""
    images = select(engine, lists=True)
    sizes = layer_sizes(engine)
    users: dict[str, int] = {}
    for image in images:
        for layer in set(image["layers"]):
            users[layer] = users.get(layer, 0) + 1
    found = [_image(image, sizes, users) for image in images]
    needed = {layer for image in images if image["containers"] for layer in image["layers"]}
    total = sum(sizes.get(layer, 0) for layer in users) + sum(_extra(image, sizes) for image in images)
    unneeded = sum(sizes.get(layer, 0) for layer in users if layer not in needed)
    return found, total, unneeded + sum(_extra(image, sizes) for image in images if not image["containers"])


def _image(image: Listed, sizes: dict[str, int], users: dict[str, int]) -> ImageUsage:
    shared = sum(sizes.get(layer, 0) for layer in image["layers"] if users[layer] > 1)
    return ImageUsage(
        image["id"], image["names"], image["created_ns"], image["size"], shared, image["size"] - shared,
        image["containers"],
    )  # fmt: skip


def _extra(image: Listed, sizes: dict[str, int]) -> int:
    """What an image has beside its layers: its configuration and manifest."""
    return max(0, image["size"] - sum(sizes.get(layer, 0) for layer in image["layers"]))


def layer_sizes(engine: Engine) -> dict[str, int]:
    """Chain id → bytes of every layer in the store."""
    rows = engine.store.db.query("SELECT chain_id, doc FROM layers")
    return {chain_id: fastjson.loads(doc)["size"] for chain_id, doc in rows}
