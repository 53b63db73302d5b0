"""Images in a check: layers that are damaged or that nothing needs, and what is to become of the images on them."""

from __future__ import annotations

import time

from skerry.engine.containers.listing import observed
from skerry.engine.images.add import digest_of
from skerry.engine.images.listing import select
from skerry.engine.manifests.check import check_lists
from skerry.engine.manifests.find import all_lists
from skerry.engine.manifests.records import blobs_of
from skerry.engine.system import leftovers
from skerry.engine.system.check_builds import layers_of_steps
from skerry.engine.system.findings import finding, mend
from skerry.errors import InUse, NotFound, SkerryError
from skerry.store.blobs import read_blob, remove_blob
from skerry.store.check import check as check_store
from skerry.store.layers import get_layer, remove_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.listing import Listed
    from skerry.store.types import Finding


def check(engine: Engine, store: list[Finding], *, repair: bool, force: bool) -> list[Finding]:
    """``store``: what the store's own check found. With ``repair`` damaged images are fetched again; where that cannot
    be, they are removed, if no container uses them or ``force`` removes those, too; then their layers can go."""
    damaged = {found["name"] for found in store if found["kind"] == "layer" and found["lost"]}
    images = []
    for image in select(engine):
        bad = [layer for layer in image["layers"] if layer in damaged or get_layer(engine.store, layer) is None]
        documents = [name for name, digest in _documents(image) if not _is_whole(engine, digest)]
        if bad or documents:
            images.append(_image(engine, image, bad, documents, repair=repair, force=force))
    if repair and any(found["repaired"] for found in images):
        again = {(found["kind"], found["name"]) for found in check_store(engine.store, repair=True, full=False)}
        for found in store:
            if not found["repaired"] and (found["kind"], found["name"]) not in again:
                found["message"] = found["message"].partition("; not repaired")[0]
                found["repaired"] = True
    return [*store, *images, *check_lists(engine, store, repair=repair)]


def _documents(image: Listed) -> list[tuple[str, str]]:
    return [("config", f"sha256:{image['id']}"), ("manifest", image["digest"])]


def _is_whole(engine: Engine, digest: str) -> bool:
    try:
        return digest_of(read_blob(engine.store, digest)) == digest
    except SkerryError:
        return False


def _image(
    engine: Engine, image: Listed, bad: list[str], documents: list[str], *, repair: bool, force: bool
) -> Finding:  # fmt: skip
    name = image["names"][0] if image["names"] else image["id"][:12]
    what = f"its layer {bad[0]}" if bad else f"its {documents[0]}"
    found = finding("image", name, f"{what} is damaged or missing: load or pull it again", lost=True)

    def mend_or_remove() -> None:
        from skerry.engine.images.restore import restore

        try:
            restore(engine, image, bad)
            found["message"] = f"{what} was damaged or missing: fetched again"
        except SkerryError as error:
            if image["containers"] and not force:
                hint = f"{error.message}; --force removes them as well"
                raise InUse(f"{image['containers']} containers use it", hint=hint) from None
            engine.images.remove([image["id"]], force=True)

    return mend(found, repair, mend_or_remove)


def unreferenced_layers(engine: Engine, *, repair: bool, age_ns: int) -> list[Finding]:
    """Layers that no image and no container has and that are older than ``age_ns``: what a cut load or pull left.

    Younger ones may be waiting for their image."""
    needed = {layer for image in select(engine) for layer in image["layers"]}
    for record, _state in observed(engine):
        needed.update(record["layers"])
    needed.update(layers_of_steps(engine))
    found = []
    # Children first: a layer goes only after those that are based on it.
    for chain_id in _from_the_top(engine):
        layer = get_layer(engine.store, chain_id)
        if chain_id in needed or layer is None or time.time_ns() - layer["created_ns"] < age_ns:
            continue
        note = finding("layer", chain_id, "no image needs it")
        found.append(mend(note, repair, lambda chain_id=chain_id: _remove(engine, chain_id)))  # type: ignore[misc]
    return found


def unreferenced_blobs(engine: Engine, *, repair: bool, age_ns: int) -> list[Finding]:
    """Configs, manifests and compressed layers that nothing names and that are older than ``age_ns``."""
    query = engine.store.db.query
    needed = {row[0] for row in query("SELECT 'sha256:' || id FROM images UNION SELECT digest FROM images")}
    needed.update(row[0] for row in query("SELECT blob FROM layers WHERE blob IS NOT NULL"))
    needed.update(blob for record in all_lists(engine) for blob in blobs_of(record))
    found = []
    for name in leftovers.names(engine.store.path("blobs/sha256")):
        digest = f"sha256:{name}"
        written = leftovers.modified(engine.store.path("blobs/sha256", name))
        if digest not in needed and time.time() - written >= age_ns / 1e9:
            note = finding("blob", digest, "no image and no layer needs it")
            found.append(mend(note, repair, lambda digest=digest: remove_blob(engine.store, digest)))  # type: ignore[misc]
    return found


def _remove(engine: Engine, chain_id: str) -> None:
    try:
        remove_layer(engine.store, chain_id)
    except NotFound:
        pass  # another command removed it


def _from_the_top(engine: Engine) -> list[str]:
    parents: dict[str, str | None] = dict(engine.store.db.query("SELECT chain_id, parent FROM main.layers"))

    def depth(chain_id: str) -> int:
        steps, parent = 0, parents.get(chain_id)
        while parent and steps <= len(parents):
            steps, parent = steps + 1, parents.get(parent)
        return steps

    return sorted(parents, key=depth, reverse=True)
