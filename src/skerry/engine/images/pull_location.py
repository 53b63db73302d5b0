"""Pulling what is no registry's: an image of an archive or a folder (``docker-archive:``, ``oci:``, ``dir:``, …)."""

from __future__ import annotations

import os

from skerry.config import policy
from skerry.engine.images.load_docker import entries_of, load_entry
from skerry.engine.images.load_layers import parse_json
from skerry.engine.images.load_oci import images_of_layout, load_descriptor, load_folder
from skerry.engine.images.resolve import find
from skerry.errors import Corrupt, Invalid, NotFound
from skerry.image import locations
from skerry.image.archive import read_member
from skerry.image.reference import DOCKER_HUB, complete, normalise, parse
from skerry.image.source import open_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.load_docker import Entry
    from skerry.engine.images.pull import Pull
    from skerry.engine.images.types import ImageRecord
    from skerry.image.archive import Members
    from skerry.image.locations import Location


def pull_location(engine: Engine, location: Location, options: Pull, *, named: bool = True) -> list[ImageRecord]:
    """The image that ``location`` names, stored here, once for each name that it got (once, when it got none; not
    ``named``: it gets none)."""
    if location.transport == locations.STORAGE:
        return [_stored(engine, location)]
    policy.load(options.transfer.signature_policy).check(location.transport, _scope(location))
    engine.store.db  # noqa: B018 - the root's folders exist
    _check_there(location)
    with engine.store.staging() as staging:
        members = open_members(location.path or ".", staging)
        try:
            options.report.line("Getting image source signatures")
            record = _load(engine, location, members, options, named=named)
        finally:
            members.close()
    options.report.copying(f"sha256:{record['id']}", 0, "config")
    options.report.done(f"sha256:{record['id']}")
    options.report.line("Writing manifest to image destination")
    options.check_platform(record["os"], record["architecture"], record["variant"])
    engine.events.emit(type="image", status="pull", id=record["id"], name=str(location))
    return [record] * max(1, len(record["names"]))


def _stored(engine: Engine, location: Location) -> ImageRecord:
    name = locations.storage_name(location, engine.store.root)
    record = find(engine, name)
    if record is None:
        raise NotFound(
            f'initializing source {location}: reference "{name}" does not resolve to an image ID: identifier is not an image'
        )
    return record


def _scope(location: Location) -> str:
    path = os.path.realpath(location.path)
    named = location.reference and location.transport in (locations.OCI, locations.OCI_ARCHIVE)
    return f"{path}:{location.reference}" if named else path


def _check_there(location: Location) -> None:
    """The errors of what is not there, in Podman's words."""
    path = location.path
    if location.transport in (locations.OCI, locations.DIR):
        file = os.path.join(path, "index.json" if location.transport == locations.OCI else "manifest.json")
        if not os.path.isfile(file):
            raise NotFound(f"initializing source {location}: open {file}: no such file or directory")
    elif not os.path.exists(path):
        raise NotFound(f'initializing source {location}: opening file "{path}": open {path}: no such file or directory')
    elif os.path.isdir(path):
        raise Invalid(f'initializing source {location}: opening file "{path}": {path} is a directory')


def _load(engine: Engine, location: Location, members: Members, options: Pull, *, named: bool) -> ImageRecord:
    report = options.report
    if location.transport == locations.DOCKER_ARCHIVE:
        document = parse_json(_member(members, "manifest.json"), "manifest.json")
        entry, names = _entry(entries_of(document), location)
        return load_entry(engine, members, entry, names if named else [], report)
    if location.transport == locations.DIR:
        document = parse_json(_member(members, "manifest.json"), "manifest.json")
        if not isinstance(document, dict):
            raise Corrupt("manifest.json is no manifest of an image")
        return load_folder(engine, members, document, report)
    _member(members, "index.json")
    descriptor, name = _descriptor(images_of_layout(members, options.platform if options.exact else None), location)
    return load_descriptor(engine, members, descriptor, _names(location, name) if named else [], report)


def _member(members: Members, name: str) -> bytes:
    if not members.has(name):
        raise Corrupt(f"loading tar component {name}: file does not exist")
    return read_member(members, name)


def _entry(entries: list[Entry], location: Location) -> tuple[Entry, list[str]]:
    """The one image of a docker-archive that is meant, and the names that it gets."""
    if location.reference:
        for entry in entries:
            if location.reference in [complete(parse(tag), DOCKER_HUB) for tag in entry.tags]:
                return entry, [location.reference]
        raise NotFound(f'Tag "{location.reference}" not found')
    if location.index is None and len(entries) > 1:
        raise Invalid(f"Unexpected tar manifest.json: expected 1 item, got {len(entries)}")
    index = location.index or 0
    if index >= len(entries):
        raise NotFound(f"Invalid source index @{index}, only {len(entries)} manifest items available")
    return entries[index], [normalise(tag) for tag in entries[index].tags]


def _descriptor(found: list[tuple[dict[str, Any], str]], location: Location) -> tuple[dict[str, Any], str]:
    """The one image of an OCI layout that is meant, and its name there."""
    if location.reference:
        for descriptor, name in found:
            annotations = descriptor.get("annotations") or {}
            if location.reference in (name, annotations.get("org.opencontainers.image.ref.name")):
                return descriptor, name
        raise NotFound(f'initializing source {location}: no descriptor found for reference "{location.reference}"')
    if location.index is None and len(found) > 1:
        raise Invalid(f"initializing source {location}: more than one image in oci, choose an image")
    index = location.index or 0
    if index >= len(found):
        raise NotFound(
            f"initializing source {location}: index {index} is too large, only {len(found)} entries available"
        )
    return found[index]


def _names(location: Location, name: str) -> list[str]:
    """An archive's image keeps its name; one of a folder has the name that it was asked for by, or none."""
    if location.transport == locations.OCI_ARCHIVE:
        return [normalise(name)] if name else []
    if not location.reference:
        return []
    try:
        return [complete(parse(location.reference), DOCKER_HUB)]
    except Invalid as error:
        raise Invalid(f'parsing "{location.reference}": {error.message}') from None
