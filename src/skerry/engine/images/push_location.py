"""Pushing to what is no registry: an archive, a folder, or another name in this store."""

from __future__ import annotations

import os

from skerry.engine.images.add import OCI_MANIFEST, digest_of
from skerry.engine.images.load_docker import docker_manifest
from skerry.engine.images.names import tag
from skerry.engine.images.save import select, write_archive, write_folder
from skerry.engine.images.write_image import PLAIN, Form, layers_of
from skerry.errors import Invalid, SkerryError
from skerry.image import locations
from skerry.image.beside import Beside
from skerry.image.layout import TarTarget, write_error
from skerry.image.reference import DOCKER_HUB, complete, parse
from skerry.store.blobs import read_blob
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.push import Push
    from skerry.engine.images.types import ImageRecord
    from skerry.image.locations import Location


def push_location(engine: Engine, name: str, location: Location, options: Push) -> str:
    """Write the image ``name`` where ``location`` says; the digest of its manifest there."""
    ((record, names),) = select(engine, [name], multi=False)
    if location.index is not None:
        raise Invalid(f"{location}: an index names an image that is there, and none to be written")
    options.report.line("Getting image source signatures")
    try:
        digest = _write(engine, record, names, location, options)
    except SkerryError as error:
        error.message = f"initializing destination {location}: {error.message}"
        raise
    options.report.line("Writing manifest to image destination")
    engine.events.emit(type="image", status="push", id=record["id"], name=str(location))
    return digest


def _write(
    engine: Engine, record: ImageRecord, source_names: list[str], location: Location, options: Push
) -> str:  # fmt: skip
    if location.transport == locations.STORAGE:
        name = locations.storage_name(location, engine.store.root)
        tag(engine, record["id"], [complete(parse(name), DOCKER_HUB)])
        return record["digest"]
    if location.transport == locations.DOCKER_ARCHIVE:
        # The name that was asked for, and the one that the image was named by here.
        tags = [location.reference] if location.reference else []
        return _docker_archive(engine, record, list(dict.fromkeys(tags + source_names)), location.path, options)
    layout = location.transport != locations.DIR
    form = Form(
        media_type=options.media_type or (OCI_MANIFEST if layout else ""), encoding=_encoding(location, options), level=options.level,
        force=options.force, report=options.report,
    )  # fmt: skip
    names = [location.reference] if location.reference else []
    if location.transport == locations.OCI_ARCHIVE:
        return _archive(engine, record, names, location.path, form, oci=True)
    return write_folder(engine, record, names, location.path, form, oci=location.transport == locations.OCI)


def _encoding(location: Location, options: Push) -> str:
    """Layouts have compressed layers; a docker-dir has them as they are, unless somebody asked for something else."""
    if options.compression == "uncompressed":
        return PLAIN
    if location.transport == locations.DIR and not options.compress and not options.compression:
        return ""
    return options.compression or "gzip"


def _docker_archive(engine: Engine, record: ImageRecord, names: list[str], path: str, options: Push) -> str:
    if os.path.isfile(path) and os.path.getsize(path):
        raise Invalid("docker-archive doesn't support modifying existing images")
    _archive(engine, record, names, path, Form(report=options.report), oci=False)
    config = read_blob(engine.store, f"sha256:{record['id']}")
    return digest_of(docker_manifest(config, layers_of(engine, record)))


def _archive(
    engine: Engine, record: ImageRecord, names: list[str], path: str, form: Form, *, oci: bool
) -> str:  # fmt: skip
    step("image.save")
    try:
        with Beside(path) as file:
            digests = write_archive(engine, [(record, names)], TarTarget(file), form, oci=oci)
            step("image.save-rename")
    except OSError as error:
        raise write_error(error) from None
    return digests[0] if digests else ""
