"""Finding a list of manifests, and its image for a platform. On the path of every name that is no image's."""

from __future__ import annotations

from skerry import fastjson
from skerry.errors import Conflict, Invalid, NotFound
from skerry.image.reference import HEX, repository_of
from skerry.image.shortnames import local_candidates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.types import IndexRecord
    from skerry.image.registry.platforms import Platform

_COLUMNS = "x.doc, (SELECT group_concat(name, char(10)) FROM image_names WHERE image = x.id)"


def find_list(engine: Engine, name: str) -> IndexRecord | None:
    """The list that a name, an id or the beginning of one, or a digest means; None when there is none."""
    return _by_name(engine, name.removeprefix("containers-storage:")) or _by_prefix(engine, name)


def get_list(engine: Engine, name: str) -> IndexRecord:
    """As `find_list`. `NotFound`; `Invalid` when it is an image."""
    record = find_list(engine, name)
    if record is not None:
        return record
    from skerry.engine.images.resolve import find

    image = find(engine, name)
    if image is None:
        raise NotFound(f"{name}: image not known", exit_code=125)
    raise Invalid(f"{(image['names'] or [image['id']])[0]}: image is not a manifest list")


def all_lists(engine: Engine) -> list[IndexRecord]:
    """Every list, newest first."""
    rows = engine.store.db.query(f"SELECT {_COLUMNS} FROM indexes x ORDER BY x.created_ns DESC, x.id")
    return [_record(doc, names) for doc, names in rows]


def by_id(engine: Engine, list_id: str) -> IndexRecord | None:
    """The list with exactly this id."""
    rows = engine.store.db.query(f"SELECT {_COLUMNS} FROM indexes x WHERE x.id = ?", list_id)
    return _record(*rows[0]) if rows else None


def _record(doc: str, names: str | None, first: str = "") -> IndexRecord:
    record: IndexRecord = fastjson.loads(doc)
    record["names"] = sorted(names.split("\n"), key=lambda name: (name != first, name)) if names else []
    return record


def _by_name(engine: Engine, name: str) -> IndexRecord | None:
    try:
        wanted = local_candidates(engine.settings, name)
    except Invalid:
        return None
    if "@" in wanted[0]:
        return _by_digest(engine, wanted)
    marks = ",".join("?" * len(wanted))
    rows = engine.store.db.query(
        f"SELECT n.name, {_COLUMNS} FROM image_names n JOIN indexes x ON x.id = n.image WHERE n.name IN ({marks})",
        *wanted,
    )
    if not rows:
        return None
    best = min(rows, key=lambda row: wanted.index(row[0]))
    return _record(best[1], best[2], best[0])


def _by_digest(engine: Engine, wanted: list[str]) -> IndexRecord | None:
    digest = wanted[0].partition("@")[2]
    repositories = {repository_of(candidate) for candidate in wanted}
    for doc, names in engine.store.db.query(f"SELECT {_COLUMNS} FROM indexes x WHERE x.digest = ?", digest):
        record = _record(doc, names)
        if not record["names"] or repositories & {repository_of(item) for item in record["names"]}:
            return record
    return None


def _by_prefix(engine: Engine, name: str) -> IndexRecord | None:
    digits = name.removeprefix("sha256:")
    if not digits or len(digits) > 64 or not HEX.issuperset(digits):
        return None
    sql = f"SELECT {_COLUMNS} FROM indexes x WHERE x.id >= ? AND x.id < ? LIMIT 2"
    rows = engine.store.db.query(sql, digits, digits + "g")
    if len(rows) > 1:
        raise Conflict(f"more than one image matches {name}: image ID is ambiguous")
    return _record(*rows[0]) if rows else None


def instance(engine: Engine, record: IndexRecord, platform: Platform | None = None) -> ImageRecord:
    """The list's image for ``platform`` (this machine's), if it is in the store. `NotFound` in Podman's words."""
    from skerry.engine.images.resolve import by_id as image_by_id
    from skerry.image.registry.documents import Descriptor
    from skerry.image.registry.platforms import choose, host

    wanted = platform or host()
    places = [
        Descriptor(
            item["media_type"], item["digest"], item["size"],
            {"os": item["os"], "architecture": item["architecture"], "variant": item["variant"]},
        )
        for item in record["entries"]
    ]  # fmt: skip
    try:
        chosen = choose(places, wanted)
    except NotFound:
        raise NotFound(
            f'no image found in manifest list for architecture "{wanted.architecture}", variant "{wanted.variant}", '
            f'OS "{wanted.os}": image not known'
        ) from None
    item = next(item for item in record["entries"] if item["digest"] == chosen.digest)
    image = image_by_id(engine, item["image_id"]) if item.get("image_id") else _with_digest(engine, item["digest"])
    if image is None:
        raise NotFound(
            f"could not find image instance {chosen.digest} of manifest list {record['id']} in local containers "
            "storage: image not known"
        )
    return image


def _with_digest(engine: Engine, digest: str) -> ImageRecord | None:
    """The image that was pulled or loaded by the same manifest."""
    from skerry.engine.images.resolve import by_id as image_by_id

    rows = engine.store.db.query("SELECT id FROM images WHERE digest = ?", digest)
    return image_by_id(engine, rows[0][0]) if rows else None
