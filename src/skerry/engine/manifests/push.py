"""Pushing a list: its images first, each under its digest, then the list that names them.

An image whose layers are compressed on the way has another digest there; the list that is pushed says so. What was
never pulled is copied from the registry that it was added from.
"""

from __future__ import annotations

from contextlib import closing

from skerry.engine.images.push import Push
from skerry.engine.images.resolve import by_id as image_by_id
from skerry.engine.images.transfer import connect
from skerry.engine.manifests.document import DOCKER_INDEX, OCI_INDEX, digest_of, serialise
from skerry.engine.manifests.find import get_list
from skerry.engine.manifests.push_remote import copy_remote
from skerry.engine.manifests.push_target import Layout, Repository, layout_for
from skerry.errors import Invalid, NotFound, SkerryError, Unsupported
from skerry.image import locations
from skerry.image.reference import DOCKER_HUB, parse
from skerry.image.registry.documents import DOCKER_MANIFEST, OCI_MANIFEST
from skerry.image.registry.endpoints import endpoints
from skerry.image.shortnames import full
from skerry.store.blobs import open_blob, read_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.push_target import Target
    from skerry.engine.manifests.types import Entry, IndexRecord
    from skerry.image.reference import Reference

_ZSTD = "io.github.containers.compression.zstd"
_INDEX_OF = {OCI_MANIFEST: OCI_INDEX, DOCKER_MANIFEST: DOCKER_INDEX}
_COMPRESSIONS = ("gzip", "zstd")


def push_list(
    engine: Engine, name: str, destination: str, options: Push, *, all: bool = True, add_compression: Sequence[str] = ()
) -> str:  # fmt: skip
    """See `Manifests.push`."""
    try:
        record = get_list(engine, name)
    except SkerryError as error:
        error.message = f"retrieving local image from image name {name}: {error.message}"
        raise
    for item in add_compression:
        if item not in _COMPRESSIONS:
            raise Unsupported(
                f"requested algorithm {item} is not supported for replication", hint=", ".join(_COMPRESSIONS)
            )
    if "zstd" in add_compression and options.media_type == DOCKER_MANIFEST:
        raise Invalid("compression using zstd is not supported with the format v2s2, use oci")
    job = _Job(engine, record, options, all=all, variants=add_compression)
    location = locations.parse(destination) if destination else None
    try:
        if location is not None:
            digest = layout_for(engine, location, options, job.write)
        else:
            digest = _to_registry(engine, job, _target(record, destination or name), options)
    except SkerryError as error:
        error.message = f"trying to push {name} to {destination or name}: {error.message}"
        raise
    engine.events.emit(type="image", status="push", id=record["id"], name=destination or name)
    return digest


def _target(record: IndexRecord, destination: str) -> Reference:
    """Without a registry a name is one of Docker's, whatever the list is called here, as with Podman; an id is the list's
    own name."""
    if record["id"].startswith(destination.removeprefix("sha256:")):
        if not record["names"]:
            raise Invalid("the list has no name to push to: give a destination")
        destination = record["names"][0]
    text = destination.removeprefix("docker://")
    scheme, colon, _rest = text.partition("://")
    if colon:
        raise Invalid(f'invalid destination "{destination}": {scheme} is no transport that can be pushed to')
    try:
        return full(parse(text), DOCKER_HUB)
    except Invalid as error:
        raise Invalid(f'parsing reference "{text}": {error.message}') from None


def _to_registry(engine: Engine, job: _Job, target: Reference, options: Push) -> str:
    (endpoint,) = endpoints(target, push=True)
    with closing(connect(engine.settings, endpoint, options.transfer, push=True)) as client:
        return job.write(Repository(engine, client, target))


class _Job:
    """One list on its way to one target."""

    def __init__(
        self, engine: Engine, record: IndexRecord, options: Push, *, all: bool, variants: Sequence[str]
    ) -> None:
        self._engine = engine
        self._record = record
        self._options = options
        self._all = all
        self._variants = variants
        self._count = 0  # of images that are copied

    def write(self, target: Target) -> str:
        """Everything; the list's digest there."""
        report = self._options.report
        total = len(self._record["entries"])
        count = total if self._all else 0
        report.line("Getting image list signatures")
        entries = self._record["entries"]
        self._count = count + (self._missing(entries) if self._all else 0)
        report.line(f"Copying {self._count} images generated from {total} images in list")
        if self._all:
            entries = [self._instance(target, item, f"{n}/{self._count}") for n, item in enumerate(entries, 1)]
            entries += self._more(target, entries)
        report.line("Writing manifest list to image destination")
        wanted = _INDEX_OF.get(self._options.media_type, "")
        if isinstance(target, Layout) and target.oci:
            wanted = OCI_INDEX
        data, media_type = serialise(self._record, wanted, entries)
        target.finish(digest_of(data), data, media_type)
        report.line("Storing list signatures")
        return digest_of(data)

    def _missing(self, entries: list[Entry]) -> int:
        return sum(
            item.get("blobs") is None and not self._has(entries, item, kind)
            for kind in self._variants
            for item in entries
        )

    def _instance(self, target: Target, item: Entry, which: str) -> Entry:
        report = self._options.report
        report.line(f"Copying image {item['digest']} ({which})")
        report.line("Getting image source signatures")
        image = self._image(item)
        if image is not None:
            pushed = self._copied(target, item, image, self._options)
            zstd = self._options.compression == "zstd" and self._options.force
            return _annotated(pushed) if zstd else pushed
        if item.get("blobs") is not None:
            self._artifact(target, item)
            return item
        if item.get("source"):
            return copy_remote(self._engine, target, item, self._options)
        raise NotFound(f"could not find image instance {item['digest']} in local containers storage: image not known")

    def _image(self, item: Entry) -> ImageRecord | None:
        if item.get("image_id"):
            return image_by_id(self._engine, item["image_id"])
        if item.get("blobs") is not None:
            return None
        rows = self._engine.store.db.query("SELECT id FROM images WHERE digest = ?", item["digest"])
        return image_by_id(self._engine, rows[0][0]) if rows else None

    def _copied(self, target: Target, item: Entry, image: ImageRecord, options: Push) -> Entry:
        """Bring an image of the store there, by the manifest that the list names."""
        exact: ImageRecord = {**image, "digest": item["digest"], "media_type": item["media_type"]}
        data, media_type = target.image(exact, options)
        options.report.line("Writing manifest to image destination")
        return {**item, "digest": digest_of(data), "size": len(data), "media_type": media_type}

    def _artifact(self, target: Target, item: Entry) -> None:
        store = self._engine.store
        for digest in item.get("blobs") or ():
            with open_blob(store, digest) as file:
                size = file.seek(0, 2)
            self._options.report.copying(digest, size)
            target.blob(digest, size, lambda digest=digest: open_blob(store, digest))  # type: ignore[misc]
            self._options.report.done(digest)
        target.manifest(item["digest"], read_blob(store, item["digest"]), item["media_type"])

    def _more(self, target: Target, entries: list[Entry]) -> list[Entry]:
        """Each image once more for each compression that is wanted besides, where the list has none like it."""
        found: list[Entry] = []
        for kind in self._variants:
            for own, item in zip(self._record["entries"], entries, strict=True):
                image = self._image(own)
                if item.get("blobs") is not None or self._has(entries, item, kind):
                    continue
                if image is None:
                    raise Unsupported(
                        f"image instance {own['digest']} is not in the store, and cannot be compressed by {kind}",
                        hint="pull it first",
                    )
                options = Push(
                    format="oci" if kind == "zstd" else "", compression=kind, level=self._options.level, force=True,
                    transfer=self._options.transfer, report=self._options.report,
                )  # fmt: skip
                which = f"{len(entries) + len(found) + 1}/{self._count}"
                self._options.report.line(f"Replicating image {own['digest']} ({which})")
                more = self._copied(target, own, image, options)
                found.append(_annotated(more) if kind == "zstd" else more)
        return found

    def _has(self, entries: list[Entry], like: Entry, kind: str) -> bool:
        """Whether an instance of the same platform is compressed so already."""
        return any(
            (item["os"], item["architecture"], item["variant"]) == (like["os"], like["architecture"], like["variant"])
            and (item["annotations"].get(_ZSTD) == "true") == (kind == "zstd")
            for item in entries
        )


def _annotated(item: Entry) -> Entry:
    return {**item, "annotations": {**item["annotations"], _ZSTD: "true"}}
