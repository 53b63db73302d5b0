"""What builds keep, in a check: steps whose layers are damaged, cache mounts that are half there."""

from __future__ import annotations

import os

from skerry.engine.builds.cache_mounts import mounts_folder
from skerry.engine.builds.removal import folder_of_row, mount_lock, remove_mount, remove_steps
from skerry.engine.builds.sweep import names
from skerry.engine.system.findings import finding, mend
from skerry.errors import NotFound
from skerry.store.layers import chain, get_layer
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.store.types import Finding


def check(engine: Engine, store: list[Finding], *, repair: bool) -> list[Finding]:
    """``store``: what the store's own check found. With ``repair`` steps on damaged layers are forgotten, and then the
    layers, if no image has them: the next build does them again."""
    return [*_steps(engine, store, repair), *_mounts(engine, repair), *_folders(engine, repair)]


def layers_of_steps(engine: Engine) -> set[str]:
    """The layers that steps, and builds that run, stand on, with all below them."""
    from skerry.store.pins import pinned

    parents: dict[str, str | None] = dict(engine.store.db.query("SELECT chain_id, parent FROM layers"))
    found: set[str] = set()
    tops = [row[0] for row in engine.store.db.query("SELECT DISTINCT layer FROM build_steps WHERE layer IS NOT NULL")]
    for top in (*tops, *pinned(engine.store)):
        layer: str | None = top
        while layer and layer not in found:
            found.add(layer)
            layer = parents.get(layer)
    return found


def _steps(engine: Engine, store: list[Finding], repair: bool) -> list[Finding]:
    damaged = {found["name"] for found in store if found["kind"] == "layer" and found["lost"]}
    result = []
    for key, layer in engine.store.db.query("SELECT key, layer FROM build_steps WHERE layer IS NOT NULL"):
        try:
            bad = bool(damaged.intersection(chain(engine.store, layer))) if damaged else not _is_there(engine, layer)
        except NotFound:
            bad = True
        if bad:
            note = finding("build step", key, "its layer is damaged or gone: the next build does it again")
            result.append(mend(note, repair, lambda key=key: remove_steps(engine, [key])))  # type: ignore[misc]
    for found in store:
        if (
            repair
            and found["name"] in damaged
            and not found["repaired"]
            and get_layer(engine.store, found["name"]) is None
        ):
            found["message"] = found["message"].partition("; not repaired")[0]
            found["repaired"] = True
    return result


def _is_there(engine: Engine, layer: str) -> bool:
    return get_layer(engine.store, layer) is not None


def _mounts(engine: Engine, repair: bool) -> list[Finding]:
    """Rows without a folder."""
    result = []
    for (name,) in engine.store.db.query("SELECT id FROM build_mounts"):
        if not os.path.isdir(folder_of_row(engine, name) + "/data"):
            note = finding("cache mount", name, "its folder is gone: the next build begins with an empty one")
            result.append(mend(note, repair, lambda name=name: remove_mount(engine, name)))  # type: ignore[misc]
    return result


def _folders(engine: Engine, repair: bool) -> list[Finding]:
    """Folders without a row: their making was cut."""
    known = {os.path.basename(folder_of_row(engine, row[0]))
             for row in engine.store.db.query("SELECT id FROM build_mounts")}  # fmt: skip
    result = []
    for name in sorted({name.removesuffix(".lock") for name in names(mounts_folder(engine))} - known):
        folder = f"{mounts_folder(engine)}/{name}"
        lock = mount_lock(folder)
        if lock is None:
            continue  # a build is about to make it
        try:
            if os.path.lexists(folder):
                note = finding("cache mount", name, "left by a build that was killed")
                result.append(mend(note, repair, lambda folder=folder: remove_tree(folder)))  # type: ignore[misc]
        finally:
            lock.release(remove=not os.path.lexists(folder))
    return result
