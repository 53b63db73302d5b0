"""Removing steps and cache mounts: rows first, so that a crash leaves only what is swept. Works on a full disk."""

from __future__ import annotations

from skerry.engine.builds.cache_mounts import folder_of
from skerry.engine.builds.root import translated
from skerry.engine.images.add import drop_layers
from skerry.errors import NotFound
from skerry.store.layers import chain, get_layer
from skerry.store.locks import Lock
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.store.database import Database

_AT_ONCE = 500


def remove_steps(engine: Engine, keys: Sequence[str]) -> int:
    """Forget steps, and remove the layers that nothing else needs then; bytes of these."""
    freed = 0
    for number in range(0, len(keys), _AT_ONCE):
        freed += _remove_some(engine, keys[number : number + _AT_ONCE])
    return freed


def _remove_some(engine: Engine, keys: Sequence[str]) -> int:
    layers: list[str] = []

    def forget(db: Database) -> None:
        layers.clear()
        for key in keys:
            layers.extend(row[0] for row in db.query("SELECT layer FROM build_steps WHERE key = ?", key) if row[0])
            db.execute("DELETE FROM build_steps WHERE key = ?", key)

    step("build.forget-steps")
    engine.store.db.free(forget, durable=False)
    freed = 0
    step("build.drop-layers")
    for layer in dict.fromkeys(layers):
        freed += _drop(engine, layer)
    return freed


def _drop(engine: Engine, layer: str) -> int:
    """Remove a layer and those below it as far as nothing needs them."""
    try:
        below = chain(engine.store, layer)
    except NotFound:
        return 0  # it went with another's chain
    sizes = {each: record["size"] for each in below if (record := get_layer(engine.store, each))}
    drop_layers(engine, below)
    return sum(size for each, size in sizes.items() if get_layer(engine.store, each) is None)


def folder_of_row(engine: Engine, name: str) -> str:
    """The folder of the cache mount with this row."""
    id, mark, number = name.rpartition("#")
    if mark and number.isascii() and number.isdigit() and 0 < int(number) < 1000:
        return folder_of(engine, id, int(number))
    return folder_of(engine, name)


def mount_lock(folder: str) -> Lock | None:
    """The lock of a cache mount that no step has; None while one has it."""
    try:
        return Lock(folder + ".lock", blocking=False)
    except BlockingIOError:
        return None


def remove_mount(engine: Engine, name: str) -> bool:
    """Remove a cache mount that nobody uses; whether it is gone."""
    from skerry.store.staging import remove_tree

    folder = folder_of_row(engine, name)
    lock = mount_lock(folder)
    if lock is None:
        return False
    try:
        step("build.forget-mount")
        engine.store.db.free(lambda db: db.execute("DELETE FROM build_mounts WHERE id = ?", name), durable=False)
        remove_tree(folder)
    except OSError as error:
        raise translated(error, f"cannot remove the cache mount {name}") from error
    finally:
        lock.release(remove=True)
    return True
