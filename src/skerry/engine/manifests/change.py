"""Making and changing lists of manifests."""

from __future__ import annotations

from skerry.engine.images.transfer import Transfer
from skerry.engine.manifests import records
from skerry.engine.manifests.find import find_list, get_list
from skerry.engine.manifests.sources import entries_for, of_image, subject_of
from skerry.errors import Conflict, Invalid, NotFound
from skerry.image.reference import is_digest, normalise, parse
from skerry.store.blobs import has_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.manifests.types import Entry, IndexRecord, Subject


class Details:
    """What is said of an instance besides what its image says itself; what is empty is left as it is."""

    __slots__ = ("annotations", "architecture", "features", "os", "os_features", "os_version", "variant")

    def __init__(
        self, *, annotations: Mapping[str, str] | None = None, architecture: str = "", os: str = "",
        variant: str = "", os_version: str = "", os_features: Sequence[str] = (), features: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.annotations = dict(annotations or {})
        self.architecture = architecture
        self.os = os
        self.variant = variant
        self.os_version = os_version
        self.os_features = list(os_features)
        self.features = list(features)

    def apply(self, item: Entry) -> None:
        """Change ``item``. An architecture without a variant has none."""
        item["os"] = self.os or item["os"]
        item["os_version"] = self.os_version or item["os_version"]
        item["os_features"] = self.os_features or item["os_features"]
        item["features"] = self.features or item["features"]
        if self.architecture or self.variant:
            item["variant"] = self.variant
        item["architecture"] = self.architecture or item["architecture"]
        item["annotations"] = {**item["annotations"], **self.annotations}


def create(
    engine: Engine, name: str, images: Sequence[str], *, amend: bool = False, all: bool = False,
    annotations: Mapping[str, str] | None = None, transfer: Transfer | None = None,
) -> str:  # fmt: skip
    """See `Manifests.create`."""
    if not name:
        raise Invalid("no name specified for creating a manifest list")
    if parse(name).digest:
        raise Invalid(f"{name}: a manifest list cannot be named by a digest")
    with records.turn(engine):
        try:
            record = records.insert(engine, normalise(name))
        except Conflict as error:
            known = find_list(engine, normalise(name)) if amend else None
            if known is None:
                raise error from None
            record = known
        if annotations:
            records.change(engine, record["id"], lambda found: _note(found, annotations))
    if images:
        add(engine, record["id"], images, all=all, transfer=transfer)
    return record["id"]


def _note(record: IndexRecord, annotations: Mapping[str, str]) -> None:
    record["annotations"] = {**record["annotations"], **annotations}


def add(
    engine: Engine, name: str, images: Sequence[str], *, all: bool = False, details: Details | None = None,
    transfer: Transfer | None = None,
) -> str:  # fmt: skip
    """See `Manifests.add`."""
    record = get_list(engine, name)
    for image in images:
        found = entries_for(engine, image, all=all, transfer=transfer or Transfer())
        put(engine, record, found, details)
    return record["id"]


def add_image(engine: Engine, name: str, image_id: str, details: Details | None = None) -> str:
    """See `Manifests.add_image`."""
    record = get_list(engine, name)
    item = of_image(engine, engine.images.resolve(image_id))
    put(engine, record, [item], details)
    return item["digest"]


def put(
    engine: Engine, record: IndexRecord, items: Sequence[Entry], details: Details | None,
    subject: Subject | None = None,
) -> None:  # fmt: skip
    """Put instances into a list, in place of those of the same digest; ``details`` are the first one's."""
    if items and details:
        details.apply(items[0])

    def edit(found: IndexRecord) -> None:
        digests = {item["digest"] for item in items}
        found["entries"] = [*(item for item in found["entries"] if item["digest"] not in digests), *items]
        found["subject"] = subject or found["subject"]

    ids = sorted({item["image_id"] for item in items if "image_id" in item})
    with records.turn(engine):
        held = [engine.store.lock("image", image_id) for image_id in ids]
        try:
            for item in items:
                _check_there(engine, item)
            records.change(engine, record["id"], edit)
        finally:
            for lock in held:
                lock.release()


def _check_there(engine: Engine, item: Entry) -> None:
    """The image is here while its lock is held; its manifest stays for the list when the image goes."""
    image_id = item.get("image_id")
    if not image_id:
        return
    if not engine.store.db.query("SELECT 1 FROM images WHERE id = ?", image_id):
        raise NotFound(f"{image_id}: image not known: it was removed meanwhile")
    if not has_blob(engine.store, item["digest"]):  # it got another manifest meanwhile
        now = of_image(engine, engine.images.resolve(image_id))
        item["digest"], item["media_type"], item["size"] = now["digest"], now["media_type"], now["size"]


def annotate(
    engine: Engine, name: str, instance: str = "", *, details: Details | None = None,
    index_annotations: Mapping[str, str] | None = None, subject: str = "", transfer: Transfer | None = None,
) -> str:  # fmt: skip
    """See `Manifests.annotate`."""
    record = get_list(engine, name)
    referred = subject_of(engine, subject, transfer or Transfer()) if subject else None
    digest = _digest_in(engine, record, instance) if instance else ""

    def edit(found: IndexRecord) -> None:
        if details and digest:
            details.apply(_instance(found, digest))
        if index_annotations:
            _note(found, index_annotations)
        found["subject"] = referred or found["subject"]

    with records.turn(engine):
        records.change(engine, record["id"], edit)
    return record["id"]


def _digest_in(engine: Engine, record: IndexRecord, name: str) -> str:
    """The digest of the instance that ``name`` means: one itself, an artifact's file, an image's name."""
    if is_digest(name):
        return name
    base = name.rpartition("/")[2]
    for item in record["entries"]:
        if base in item.get("files", ()):
            return item["digest"]
    try:
        return engine.images.resolve(name)["digest"]
    except (NotFound, Invalid) as error:
        error.message = f'finding instance for "{name}": {error.message}'
        raise


def _instance(record: IndexRecord, digest: str) -> Entry:
    for item in record["entries"]:
        if item["digest"] == digest:
            return item
    raise NotFound(f'no instance matching digest "{digest}" found in manifest list: file does not exist', exit_code=125)


def remove_instance(engine: Engine, name: str, digest: str) -> str:
    """See `Manifests.remove`."""
    if not is_digest(digest):
        raise Invalid(
            f'removing from manifest list {name}: invalid image digest "{digest}": invalid checksum digest format'
        )
    record = get_list(engine, name)

    def edit(found: IndexRecord) -> None:
        try:
            found["entries"].remove(_instance(found, digest))
        except NotFound as error:
            error.message = f"removing from manifest list {name}: {error.message}"
            raise

    with records.turn(engine):
        records.change(engine, record["id"], edit)
    return record["id"]


def remove_lists(engine: Engine, names: Sequence[str], *, ignore: bool = False) -> list[str]:
    """See `Manifests.rm`: all are looked up before the first is removed."""
    lines: list[str] = []
    for name in names:
        try:
            record = get_list(engine, name)
        except NotFound:
            if ignore:
                continue
            raise NotFound(f"{name}: image not known", exit_code=1) from None
        lines += remove_list(engine, record)
    return lines


def remove_list(engine: Engine, record: IndexRecord) -> list[str]:
    """Remove a list with all its names; lines as ``rmi`` prints them."""
    names = records.delete(engine, record["id"])
    return [*(f"Untagged: {item}" for item in names), f"Deleted: {record['id']}"]
