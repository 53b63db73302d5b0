"""``skerry images``: one query, no file is read."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine import times
from skerry.engine.units import human_size
from skerry.errors import Invalid
from skerry.image.reference import repository_of, tag_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.types import IndexRecord

    class Listed(ImageRecord):
        """An image with what a list shows besides."""

        past_names: list[str]  # see `past`
        containers: int
        is_parent: bool


SORTS = ("created", "id", "repository", "size", "tag")
# In braces: the database whose tables are meant, empty for all that is seen.
_PAST = """
SELECT p.name FROM {0}past_names p LEFT JOIN {0}image_names n ON n.name = p.name AND n.image = p.image WHERE p.image = {1}
ORDER BY n.name IS NULL, coalesce(n.created_ns, -p.given_ns), p.name"""
_SQL = f"""
SELECT i.doc, (SELECT group_concat(name, char(10)) FROM {{0}}image_names WHERE image = i.id),
    (SELECT group_concat(name, char(10)) FROM ({_PAST.format("{0}", "i.id")})),
    (SELECT count(*) FROM containers WHERE image = i.id),
    EXISTS (SELECT 1 FROM images o JOIN layers l ON l.chain_id = o.top_layer
        WHERE o.id != i.id AND (l.parent = i.top_layer))
FROM {{0}}images i ORDER BY i.created_ns DESC, i.id
"""


def select(
    engine: Engine, *, filters: Sequence[str] = (), names: Sequence[str] = (), lists: bool = False, twice: bool = False
) -> list[Listed]:
    """Images, newest first; with ``lists`` lists of manifests among them, as images without layers. ``twice``: what is in
    this store and in an additional one as well is listed for both, each with its own names."""
    found = [_listed(*row) for row in engine.store.db.query(_SQL.format(""))]
    if twice and engine.store.elsewhere:
        from skerry.store import additional

        found = [image for image in found if not image.get("store")]
        found += [_listed(*row) for row in engine.store.db.query(_SQL.format(f"{additional.NAME}."))]
        found.sort(key=lambda image: (-image["created_ns"], image["id"]))
    if lists:
        found = _with_lists(engine, found)
    if names:
        from skerry.engine.images.filters import matcher

        test = matcher(engine, [f"reference={name}" for name in names])
        ids = {image["id"] for name in names if (image := _list_of(engine, name, lists))}
        found = [image for image in found if image["id"] in ids or test(image)]
    if filters:
        from skerry.engine.images.filters import matcher

        test = matcher(engine, filters)
        found = [image for image in found if test(image)]
    return found


def _listed(doc: str, names: str | None, past_names: str | None, containers: int, is_parent: int) -> Listed:
    record: Listed = fastjson.loads(doc)
    record["names"] = sorted(names.split("\n")) if names else []
    record["past_names"] = past_names.split("\n") if past_names else []
    record["containers"], record["is_parent"] = containers, bool(is_parent)
    return record


def _with_lists(engine: Engine, images: list[Listed]) -> list[Listed]:
    if not engine.store.db.query("SELECT 1 FROM indexes LIMIT 1"):
        return images
    from skerry.engine.manifests.listing import as_images

    return sorted([*as_images(engine), *images], key=lambda image: -image["created_ns"])


def _list_of(engine: Engine, name: str, lists: bool) -> IndexRecord | None:
    """The list that ``name`` means itself."""
    if not lists or not engine.store.db.query("SELECT 1 FROM indexes LIMIT 1"):
        return None
    from skerry.engine.manifests.find import find_list

    return find_list(engine, name)


def json_rows(
    engine: Engine, *, all: bool = False, filters: Sequence[str] = (), names: Sequence[str] = (), sort: str = "created"
) -> list[dict[str, Any]]:
    """See `Images.list`."""
    images = _shown_of(engine, all, filters, names)
    return _sorted([_json_row(image) for image in images], sort)


def _shown_of(engine: Engine, all: bool, filters: Sequence[str], names: Sequence[str]) -> list[Listed]:
    found = select(engine, filters=filters, names=names, lists=True, twice=True)
    images = _visible(found, all, filters)
    if names or filters:
        from skerry.engine.images.filters import asked_names

        asked = [*(f"reference={name}" for name in names), *filters]
        for image in images:
            image["names"] = asked_names(asked, image["names"])
    return images


def _visible(images: list[Listed], all: bool, filters: Sequence[str]) -> list[Listed]:
    """Without --all, what a build left below its result is not shown."""
    if all or any(item.startswith(("dangling=", "intermediate=")) for item in filters):
        return images
    return [image for image in images if image["names"] or not image["is_parent"]]


def _json_row(image: Listed) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Id": image["id"],
        "ParentId": "",
        "RepoTags": None,
        "RepoDigests": repo_digests(image),
        "Size": image["size"],
        "SharedSize": 0,
        "VirtualSize": image["size"],
        "Labels": image["config"].get("Labels"),
        "Containers": image["containers"],
    }
    if image.get("store"):
        row["ReadOnly"] = True
    if not image["names"]:
        row["Dangling"] = True
    else:
        row["Names"] = image["names"]
    row["Digest"] = image["digest"]
    row["History"] = image["past_names"]
    created = image["created_ns"]
    row["Created"] = created // 10**9 if created != times.NEVER_NS else times.ZERO_SECONDS
    row["CreatedAt"] = utc(image["created_ns"])
    return row


def utc(ns: int) -> str:
    """RFC 3339 in UTC, as images' times are shown."""
    import time

    if ns == times.NEVER_NS:
        return times.ZERO_TIME
    seconds, rest = divmod(ns, 10**9)
    fraction = f".{rest:09d}".rstrip("0").rstrip(".")
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + fraction + "Z"


def repo_digests(image: ImageRecord) -> list[str]:
    """``repository@digest`` for each repository that the image has a name in: the digests of its manifest and of the
    indexes that it was pulled through."""
    repositories = dict.fromkeys(repository_of(name) for name in image["names"])
    digests = dict.fromkeys([image["digest"], *image.get("index_digests", ())])
    return [f"{repository}@{digest}" for repository in repositories for digest in digests]


def table_rows(
    engine: Engine, *, all: bool = False, filters: Sequence[str] = (), names: Sequence[str] = (),
    sort: str = "created", no_trunc: bool = False,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row for each name of each image, with the fields of ``podman images --format``."""
    rows = []
    for image in _shown_of(engine, all, filters, names):
        base = _json_row(image)
        created, size = image["created_ns"], image["size"]
        base |= {
            "ID": f"sha256:{image['id']}" if no_trunc else image["id"][:12],
            "Id": image["id"],
            "Created": times.ago(created) if created != times.NEVER_NS else "N/A",
            "CreatedSince": times.ago(created) if created != times.NEVER_NS else "N/A",
            "CreatedAt": times.go_string(created, never=times.NEVER_NS),
            "CreatedTime": times.go_string(created, never=times.NEVER_NS),
            "Size": human_units(size),
            "VirtualSize": human_units(size),
            "History": ", ".join(image["past_names"]) or "<none>",
            "Dangling": not image["names"],
            "IsDangling": not image["names"],
            "ReadOnly": bool(image.get("store")),
            "IsReadOnly": bool(image.get("store")),
            "Names": image["names"],
            "_created": created,
            "_size": size,
        }
        for name in _shown(image["names"]) or ["<none>:<none>"]:
            rows.append(
                {**base, "Repository": repository_of(name), "repository": repository_of(name), "Tag": tag_of(name)}
            )
    return _sorted(rows, sort)


def _shown(names: list[str]) -> list[str]:
    """Where an image has a tag, the digest that it was pulled by too is not a line of its own."""
    return [name for name in names if "@" not in name] or names


def past(engine: Engine, image_id: str) -> list[str]:
    """All names that the image or list has or had, in Podman's order: those that it has, the oldest first; then those
    that it had, the youngest first."""
    return [row[0] for row in engine.store.db.query(_PAST.format("", "?"), image_id)]


def human_units(size_bytes: int) -> str:
    """``11.3 kB``."""
    text = human_size(size_bytes)
    digits = len(text.rstrip("kMGTPEB"))
    return f"{text[:digits]} {text[digits:]}"


def _sorted(rows: list[dict[str, Any]], sort: str) -> list[dict[str, Any]]:
    sort = sort.lower() or "created"
    if sort not in SORTS:
        raise Invalid(f'"{sort}" is not a valid field for sorting. Choose from: {", ".join(sorted(SORTS))}')
    if sort == "created":
        return rows  # the query's order
    if sort == "size":
        return sorted(rows, key=lambda row: row.get("_size", row["Size"]))
    key = {"id": "Id", "repository": "Repository", "tag": "Tag"}[sort]

    def value(row: dict[str, Any]) -> str:
        if key in row:
            return str(row[key])
        return str((row.get("Names") or ["<none>"])[0])

    return sorted(rows, key=value)
