"""What may become an instance of a list: an image or a list of this store, of a registry, of an archive or a folder."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import parse_config
from skerry.engine.images.resolve import find as find_image
from skerry.engine.manifests.document import entries_of, entry
from skerry.engine.manifests.find import find_list, instance
from skerry.engine.manifests.registry import open_remote
from skerry.errors import Invalid, NotFound, SkerryError
from skerry.image import locations
from skerry.image.reference import HEX
from skerry.image.registry import platforms
from skerry.store.blobs import read_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.transfer import Transfer
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.registry import Remote
    from skerry.engine.manifests.types import Entry, Subject

# What an image's config says of its platform.
_IMAGE_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")


def entries_for(engine: Engine, name: str, *, all: bool, transfer: Transfer) -> list[Entry]:
    """The instances that ``name`` adds to a list: one, or with ``all`` every one of a list.

    A name without a transport is this store's if it is here: what is built and pulled here needs no registry. But
    ``all`` asks the registry, when what is here is only one image of a list there."""
    if name.startswith("docker://"):
        return _of_registry(engine, name, all, transfer)
    location = locations.parse(name)
    if location is not None and location.transport != locations.STORAGE:
        return [_of_location(engine, name)]
    local = _local(engine, name, all)
    if location is not None or (local and not (all and _came_by_a_list(engine, name))):
        if not local:
            raise NotFound(f"{name}: image not known")
        return local
    try:
        return _of_registry(engine, name, all, transfer)
    except SkerryError:
        if local:
            return local
        raise


def _local(engine: Engine, name: str, all: bool) -> list[Entry]:
    found = find_list(engine, name)
    if found is None:
        image = find_image(engine, name)
        return [of_image(engine, image)] if image else []
    if all:
        return found["entries"]
    image = instance(engine, found)
    return [
        next(
            item
            for item in found["entries"]
            if item["digest"] == image["digest"] or item.get("image_id") == image["id"]
        )
    ]


def _came_by_a_list(engine: Engine, name: str) -> bool:
    image = find_image(engine, name)
    by_id = bool(image) and HEX.issuperset(name.removeprefix("sha256:"))
    return bool(image and image.get("index_digests")) and not by_id and find_list(engine, name) is None


def of_image(engine: Engine, image: ImageRecord) -> Entry:
    """The instance that an image of this store is, by its manifest as it is stored."""
    manifest = read_blob(engine.store, image["digest"])
    document = parse_config(read_blob(engine.store, f"sha256:{image['id']}"))
    return entry(
        image["media_type"], image["digest"], len(manifest), image_id=image["id"], **_platform_of(document)
    )  # fmt: skip


def _platform_of(config: dict[str, Any]) -> dict[str, Any]:
    texts = {
        "os": config.get("os"), "architecture": config.get("architecture"), "variant": config.get("variant"),
        "os_version": config.get("os.version"),
    }  # fmt: skip
    found: dict[str, Any] = {key: value if isinstance(value, str) else "" for key, value in texts.items()}
    features = config.get("os.features")
    found["os_features"] = [item for item in features if isinstance(item, str)] if isinstance(features, list) else []
    return found


def _of_location(engine: Engine, name: str) -> Entry:
    """An archive's image comes into the store, without a name: from then on the list does not need the archive."""
    from skerry.engine.images.pull import Pull
    from skerry.engine.images.pull_location import pull_location

    location = locations.parse(name)
    assert location
    (record, *_) = pull_location(engine, location, Pull(), named=False)
    return of_image(engine, record)


def _of_registry(engine: Engine, name: str, all: bool, transfer: Transfer) -> list[Entry]:
    """Instances by their descriptors alone: nothing is pulled but manifests, and configs for their platforms."""
    with open_remote(engine, name, transfer) as remote:
        top = remote.top
        if top.config is not None:
            return [_remote_image(remote, entry(top.media_type, top.digest, len(top.data)))]
        what = f"the index {name}"
        found = entries_of(top.data, what)
        if not all:
            chosen = platforms.choose(top.manifests, platforms.host())
            found = [item for item in found if item["digest"] == chosen.digest][:1]
        return [_remote_image(remote, item) for item in found]


def _remote_image(remote: Remote, item: Entry) -> Entry:
    document = remote.document(item["digest"], item["digest"], item["size"])
    if document.config is None:
        raise Invalid(f"{remote.reference}: an index in an index cannot be added to a list")
    parsed = fastjson.loads(document.data)
    if not item["artifact_type"] and isinstance(parsed.get("artifactType"), str):
        item["artifact_type"] = parsed["artifactType"]
    known = not item["artifact_type"] and document.config.media_type in _IMAGE_CONFIGS
    if known and not (item["os"] and item["architecture"]):
        item.update(_platform_of(parse_config(remote.config(document.config))))  # type: ignore[typeddict-item]
    item["media_type"] = document.media_type
    item["source"] = remote.repository
    return item


def subject_of(engine: Engine, name: str, transfer: Transfer) -> Subject:
    """The descriptor of an image or a list, which something else refers to."""
    local = name.removeprefix("containers-storage:")
    found = None if name.startswith("docker://") else find_list(engine, local)
    if found is not None:
        return {"media_type": found["media_type"], "digest": found["digest"], "size": found["size"]}
    image = None if name.startswith("docker://") else find_image(engine, local)
    if image is not None:
        size = len(read_blob(engine.store, image["digest"]))
        return {"media_type": image["media_type"], "digest": image["digest"], "size": size}
    if local != name:
        raise NotFound(f"{name}: image not known")
    with open_remote(engine, name, transfer) as remote:
        top = remote.top
        kind = fastjson.loads(top.data).get("artifactType")
        made: Subject = {"media_type": top.media_type, "digest": top.digest, "size": len(top.data)}
        if isinstance(kind, str) and kind:
            made["artifact_type"] = kind
        return made
