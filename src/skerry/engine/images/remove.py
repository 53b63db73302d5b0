"""Removing images: the row first, then the files that nothing else refers to. Works on a full disk."""

from __future__ import annotations

import os

from skerry.engine.images.add import drop_layers, drop_manifest
from skerry.engine.images.mounts import mount_path, take_down
from skerry.engine.images.resolve import find, refuse_malformed, resolve
from skerry.engine.manifests.find import find_list
from skerry.errors import Conflict, Denied, InUse, Invalid, NotFound
from skerry.image.reference import complete, parse
from skerry.image.shortnames import local_candidates
from skerry.store.blobs import remove_blob
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.types import IndexRecord
    from skerry.store.database import Database

_VOLUME = "volume:"  # before the name of a volume of the image driver, where ids of containers are


def remove(
    engine: Engine, name: str, *, force: bool = False, ignore: bool = False, whole: bool = False, prune: bool = True
) -> list[str]:
    """Remove ``name``, and the image with its last name (and with ``prune`` its nameless parents); lines as
    ``podman rmi`` prints them."""
    if (listed := find_list(engine, name)) is not None:
        return _remove_list(engine, name, listed, force=force, whole=whole)
    record = find(engine, name)
    if record is None:
        if ":" not in name:
            refuse_malformed(name)
        if ignore or force:
            return []
        raise NotFound(f"{name}: image not known", exit_code=1)
    refuse_read_only(record)
    parents = _parents(engine, record) if prune else []
    if whole:
        return _delete(engine, record, name, force=force) + _prune(engine, parents)
    wanted = _asked_by_name(engine, name, record)
    if wanted and len(record["names"]) > 1:
        _untag(engine, record["id"], wanted)
        return [f"Untagged: {wanted}"]
    if not wanted and len(record["names"]) > 1 and not force:
        raise Conflict(
            f'unable to delete image "{record["id"]}" by ID with more than one tag '
            f"([{' '.join(_names(engine.store.db, record['id']))}]): please force removal"
        )
    lines = _delete(engine, record, name, force=force)
    if record["names"] and _is_below_another(engine, record):
        lines.pop()  # as Podman: what others are made of is still there
    return lines + _prune(engine, parents)


def refuse_read_only(record: ImageRecord) -> None:
    """`Denied` for an image of an additional store."""
    if record.get("store"):
        raise Denied(f'cannot remove read-only image "{record["id"]}"')


def _remove_list(engine: Engine, name: str, record: IndexRecord, *, force: bool, whole: bool) -> list[str]:
    """A list of manifests goes as an image does; the images in it stay."""
    names = record["names"]
    asked = "" if whole or "@" in name or not names or names[0] not in _meant(engine, name) else names[0]
    if asked and len(names) > 1:
        _untag(engine, record["id"], asked)
        return [f"Untagged: {asked}"]
    if not asked and len(names) > 1 and not (force or whole):
        raise Conflict(
            f'unable to delete image "{record["id"]}" by ID with more than one tag ([{" ".join(sorted(names))}]): '
            "please force removal"
        )
    from skerry.engine.manifests.change import remove_list

    return remove_list(engine, record)


def _meant(engine: Engine, name: str) -> list[str]:
    try:
        return local_candidates(engine.settings, name)
    except Invalid:
        return []  # an id


def _prune(engine: Engine, ids: list[str]) -> list[str]:
    lines: list[str] = []
    for image_id in ids:
        try:
            lines += remove_id(engine, image_id)
        except (InUse, NotFound):
            break  # somebody took it meanwhile
    return lines


def remove_id(engine: Engine, image_id: str, *, force: bool = False) -> list[str]:
    """Remove an image with all its names."""
    record = resolve(engine, image_id)
    refuse_read_only(record)
    return _delete(engine, record, image_id, force=force)


def _asked_by_name(engine: Engine, name: str, record: ImageRecord) -> str:
    """The one of the image's names that ``name`` means; empty when it is an id or a digest."""
    if record["id"].startswith(name.removeprefix("sha256:")) and name not in record["names"]:
        return ""
    first = record["names"][0] if record["names"] else ""
    if "@" in name:
        asked = local_candidates(engine.settings, name)
        end = "" if parse(name).domain else f"/{parse(name).path}@{parse(name).digest}"
        return next((full for full in record["names"] if full in asked or (end and full.endswith(end))), "")
    if not first:
        return ""
    suffix = complete(parse(name), "localhost").removeprefix("localhost/")
    return first if first in local_candidates(engine.settings, name) or first.endswith("/" + suffix) else ""


def users(engine: Engine, image_id: str) -> list[str]:
    """Ids of the containers that were made from the image or mount it."""
    return [user for user in _using(engine.store.db, image_id) if ":" not in user]


def _using(db: Database, image_id: str) -> list[str]:
    """Ids of containers, and ``volume:NAME``."""
    query = "SELECT id FROM containers WHERE image = ?1 UNION SELECT user FROM image_users WHERE image = ?1"
    return [row[0] for row in db.query(query, image_id)]


def _delete(engine: Engine, record: ImageRecord, asked: str, *, force: bool) -> list[str]:
    image_id = record["id"]
    if force:
        for user in _using(engine.store.db, image_id):
            try:
                if user.startswith(_VOLUME):
                    engine.volumes.remove(user.removeprefix(_VOLUME), force=True)
                else:
                    engine.containers.remove(user, force=True)
            except NotFound:
                continue  # it went by itself
    store = engine.store
    with store.lock("image", image_id, fleeting=True) as lock:
        _unmount(engine, image_id, force=force)
        step("image.remove-row")
        names: list[str] = []
        store.db.free(lambda db: _delete_rows(db, image_id, names), durable=True)
        step("image.remove-blobs")
        remove_blob(store, f"sha256:{image_id}")
        drop_manifest(engine, record["digest"])
        step("image.remove-layers")
        drop_layers(engine, record["layers"])
        lock.release(remove=True)
    for name in names:
        engine.events.emit(type="image", status="untag", id=image_id, name=name)
    engine.events.emit(type="image", status="remove", id=image_id, name=asked)
    return [*(f"Untagged: {name}" for name in names), f"Deleted: {image_id}"]


def _unmount(engine: Engine, image_id: str, *, force: bool) -> None:
    """An image that ``image mount`` shows is in use."""
    path = mount_path(engine, image_id)
    if os.path.ismount(path) and not force:
        raise InUse(
            f"image used by its mount: image {image_id} is mounted at {path}",
            hint=f"skerry image unmount {image_id[:12]}",
        )
    take_down(engine, image_id, force=True)


def _parents(engine: Engine, record: ImageRecord) -> list[str]:
    """Images without a name or a container that were only steps on the way to ``record``, nearest first."""
    from skerry.engine.images.listing import select

    images = [image for image in select(engine) if image["id"] != record["id"] and not image.get("store")]
    found = []
    child = record
    while parent := next((image for image in images if _is_parent(image, child)), None):
        others = [image for image in images if image["id"] != parent["id"] and _is_parent(parent, image)]
        if parent["names"] or parent["containers"] or others:
            break
        found.append(parent["id"])
        images.remove(parent)
        child = parent
    return found


def _is_below_another(engine: Engine, record: ImageRecord) -> bool:
    from skerry.engine.images.listing import select

    steps, layers = len(record["history"]), len(record["layers"])
    return any(
        len(image["history"]) > steps > 0
        and image["history"][:steps] == record["history"]
        and image["layers"][:layers] == record["layers"]
        for image in select(engine)
    )


def _is_parent(parent: ImageRecord, child: ImageRecord) -> bool:
    """Whether ``child`` is ``parent`` and one step more."""
    steps, layers = len(parent["history"]), len(parent["layers"])
    return (
        len(child["history"]) == steps + 1 > 1
        and child["history"][:steps] == parent["history"]
        and child["layers"][:layers] == parent["layers"]
        and len(child["layers"]) - layers in (0, 1)
    )


def _delete_rows(db: Database, image_id: str, names: list[str]) -> None:
    using = _using(db, image_id)
    if using and using[0].startswith(_VOLUME):
        name = using[0].removeprefix(_VOLUME)
        raise InUse(f"image used by volume {name}: image is in use by a volume", hint=f"skerry volume rm {name}")
    if using:
        raise InUse(
            f"image used by {using[0]}: image is in use by a container: consider listing external containers and "
            "force-removing image"
        )
    names[:] = _names(db, image_id)
    db.execute("DELETE FROM main.image_names WHERE image = ?", image_id)
    db.execute("DELETE FROM main.past_names WHERE image = ?", image_id)
    db.execute("DELETE FROM main.images WHERE id = ?", image_id)


def _names(db: Database, image_id: str) -> list[str]:
    """The youngest first."""
    return [
        row[0]
        for row in db.query("SELECT name FROM image_names WHERE image = ? ORDER BY created_ns DESC, name", image_id)
    ]


def _untag(engine: Engine, image_id: str, name: str) -> None:
    step("image.untag")

    def forget(db: Database) -> None:
        db.execute("DELETE FROM main.image_names WHERE name = ? AND image = ?", name, image_id)

    engine.store.db.free(forget, durable=True)
    engine.events.emit(type="image", status="untag", id=image_id, name=name)
