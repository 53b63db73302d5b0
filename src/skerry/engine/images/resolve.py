"""Finding an image by what a user typed. Hot: usually one query."""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.errors import Conflict, Invalid, NotFound
from skerry.image.reference import DOCKER_HUB, HEX, complete, parse, repository_of
from skerry.image.shortnames import local_candidates
from skerry.store.layers import layer_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord

_COLUMNS = "i.doc, (SELECT group_concat(name, char(10)) FROM image_names WHERE image = i.id)"


def resolve(engine: Engine, name: str) -> ImageRecord:
    """The image that ``name`` means: a (short) name, an id or the beginning of one, a digest. `NotFound`."""
    record = find(engine, name)
    if record is None:
        _say_why_no_instance(engine, name)
        if ":" in name:
            from skerry.image.locations import transport_of

            if transport := transport_of(name):
                raise Invalid(f'unsupported transport "{transport}" for looking up local images')
        refuse_malformed(name)
        raise NotFound(f"{name}: image not known")
    return record


def is_whole(engine: Engine, record: ImageRecord) -> bool:
    """Whether all the folders of the image's layers are there. What is in them is not looked at."""
    for chain_id in record["layers"]:
        try:
            os.stat(layer_dir(engine.store, chain_id))
        except FileNotFoundError:
            return False
        except OSError:
            pass  # not ours to look at: it is there
    return True


def refuse_malformed(name: str) -> None:
    """`NotFound` that says so for what can be no image's name, however many there are."""
    if HEX.issuperset(name.removeprefix("sha256:")):
        return  # an id
    try:
        parse(name)
    except Invalid as error:
        raise NotFound(f'cannot parse input: "{name}": {error.message}') from None


def _say_why_no_instance(engine: Engine, name: str) -> None:
    """`NotFound` in the words for a list that has no image for this platform here."""
    if not engine.store.db.query("SELECT 1 FROM indexes LIMIT 1"):
        return
    from skerry.engine.manifests.find import find_list, instance

    if record := find_list(engine, name):
        instance(engine, record)


def find(engine: Engine, name: str) -> ImageRecord | None:
    """As `resolve`; None when there is no such image. Of a list of manifests it is the image for this platform."""
    return by_name(engine, name) or _by_prefix(engine, name) or _by_location(engine, name)


def by_id(engine: Engine, image_id: str) -> ImageRecord | None:
    """The image with exactly this id."""
    rows = engine.store.db.query(f"SELECT {_COLUMNS} FROM images i WHERE i.id = ?", image_id)
    return from_row(*rows[0]) if rows else None


def from_row(doc: str, names: str | None, first: str = "") -> ImageRecord:
    """A record from its document and its names, joined by newlines."""
    record: ImageRecord = fastjson.loads(doc)
    record["names"] = sorted(names.split("\n"), key=lambda name: name != first) if names else []
    return record


def by_name(engine: Engine, name: str) -> ImageRecord | None:
    try:
        wanted = local_candidates(engine.settings, name)
    except Invalid:
        return None
    if "@" in wanted[0]:
        short = parse(name)
        return _by_digest(engine, wanted, "" if short.domain else f"/{short.path}")
    marks = ",".join("?" * len(wanted))
    sql = f"SELECT n.name, {_COLUMNS} FROM image_names n JOIN images i ON i.id = n.image WHERE n.name IN ({marks})"
    rows = engine.store.db.query(sql, *wanted)
    if not rows and (listed := _of_list(engine, name)):
        return listed
    if not rows and not parse(name).domain:
        # Podman also finds what any registry's name ends with.
        suffix = complete(parse(name), "localhost").removeprefix("localhost/")
        sql = f"SELECT n.name, {_COLUMNS} FROM image_names n JOIN images i ON i.id = n.image WHERE n.name LIKE ?"
        found = engine.store.db.query(sql + " ORDER BY n.name", f"%/{suffix}")
        rows = [row for row in found if row[0].endswith(f"/{suffix}")]
    if not rows:
        return None
    best = min(rows, key=lambda row: wanted.index(row[0]) if row[0] in wanted else len(wanted))
    return from_row(best[1], best[2], best[0])


def _of_list(engine: Engine, name: str) -> ImageRecord | None:
    """This platform's image of the list that has the name or the id."""
    if not engine.store.db.query("SELECT 1 FROM indexes LIMIT 1"):
        return None
    from skerry.engine.manifests.find import find_list, instance

    record = find_list(engine, name)
    try:
        return instance(engine, record) if record else None
    except NotFound:
        return None


def _by_digest(engine: Engine, wanted: list[str], end: str) -> ImageRecord | None:
    """By its manifest's digest, or that of an index that it was pulled through. ``end``: what any registry's repository
    may end with; empty where the registry was named."""
    digest = wanted[0].partition("@")[2]
    rows: list[tuple[Any, ...]] = engine.store.db.query(f"SELECT {_COLUMNS} FROM images i WHERE i.digest = ?", digest)
    rows += engine.store.db.query(f"SELECT {_COLUMNS} FROM images i WHERE instr(i.doc, ?)", digest) if not rows else []
    for doc, names in rows:
        record = from_row(doc, names)
        if digest != record["digest"] and digest not in record.get("index_digests", ()):
            continue
        repositories = {repository_of(candidate) for candidate in wanted}
        own = {repository_of(name) for name in record["names"]}
        if not own or repositories & own or (end and any(name.endswith(end) for name in own)):
            return record
    return _of_list(engine, wanted[0])


def _by_prefix(engine: Engine, name: str) -> ImageRecord | None:
    digits = name.removeprefix("sha256:")
    if not digits or len(digits) > 64 or not HEX.issuperset(digits):
        return None
    sql = f"SELECT {_COLUMNS} FROM images i WHERE i.id >= ? AND i.id < ? LIMIT 2"
    rows = engine.store.db.query(sql, digits, digits + "g")
    if len(rows) > 1:
        raise Conflict(f"more than one image matches {name}: image ID is ambiguous")
    if rows:
        return from_row(*rows[0])
    if len(digits) == 64:
        rows = engine.store.db.query(f"SELECT {_COLUMNS} FROM images i WHERE i.digest = ?", "sha256:" + digits)
    return from_row(*rows[0]) if rows else None


def _by_location(engine: Engine, name: str) -> ImageRecord | None:
    """``containers-storage:NAME`` is this store's NAME, ``docker://NAME`` what is pulled by that: never a short name."""
    if name.startswith("docker://"):
        try:
            return by_name(engine, complete(parse(name[9:]), DOCKER_HUB))
        except Invalid:
            return None
    if not name.startswith("containers-storage:"):
        return None
    from skerry.image.locations import STORAGE, Location, storage_name

    return find(engine, storage_name(Location(STORAGE, name.removeprefix("containers-storage:")), engine.store.root))
