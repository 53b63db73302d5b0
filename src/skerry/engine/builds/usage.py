"""What builds keep, how much room it takes, and removing it: the least recently used first."""

from __future__ import annotations

import os
import time

from skerry import fastjson
from skerry.engine.builds.cache_mounts import mounts_folder
from skerry.engine.builds.removal import remove_mount, remove_steps
from skerry.engine.builds.sweep import names, roots_folder
from skerry.engine.builds.types import CacheRow, Pruned
from skerry.engine.disk_usage import tree_size
from skerry.engine.moments import parse_moment
from skerry.errors import Invalid
from skerry.store.pins import pinned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.engine.engine import Engine

FILTERS = ("until", "unused-for", "id", "type", "kind", "inuse", "in-use", "shared", "private", "description")
_KINDS = {
    "step": "step", "regular": "step", "source.local": "step", "exec.cachemount": "mount", "mount": "mount",
    "staging": "staging",
}  # fmt: skip


def du(engine: Engine, filters: Sequence[str] = ()) -> list[CacheRow]:
    """See `Builds.du`. The last used first."""
    wanted = [_filter(item) for item in filters]
    rows = [*_steps(engine), *_mounts(engine), *_staging(engine)]
    rows.sort(key=lambda row: row.used_ns, reverse=True)
    return [row for row in rows if all(matches(row) for matches in wanted)]


def _image_layers(engine: Engine) -> set[str]:
    found: set[str] = set()
    for (doc,) in engine.store.db.query("SELECT doc FROM images"):
        found.update(fastjson.loads(doc)["layers"])
    return found


def _steps(engine: Engine) -> list[CacheRow]:
    in_images, busy, seen = _image_layers(engine), pinned(engine.store), set[str]()
    parents: dict[str, str | None] = dict(engine.store.db.query("SELECT chain_id, parent FROM layers"))
    used_above = _with_parents(busy, parents)
    rows = []
    for key, layer, used_ns, doc in engine.store.db.query(
        "SELECT key, layer, used_ns, doc FROM build_steps ORDER BY used_ns DESC"
    ):
        record = fastjson.loads(doc)
        first = layer is not None and layer not in seen  # two steps may have come to the same layer
        if layer is not None:
            seen.add(layer)
        shared = layer in in_images
        parent = parents.get(layer) if layer else None
        rows.append(
            CacheRow(
                key, "step", record["size"] if first else 0, record["created_ns"], used_ns,
                in_use=layer in used_above, shared=shared, reclaimable=layer not in used_above and not shared,
                description=record.get("description", record["identity"]), parents=(parent,) if parent else (),
                layer=layer or "",
            )
        )  # fmt: skip
    return rows


def _with_parents(layers: set[str], parents: dict[str, str | None]) -> set[str | None]:
    found: set[str | None] = set()
    for each in layers:
        layer: str | None = each
        while layer and layer not in found:
            found.add(layer)
            layer = parents.get(layer)
    return found


def _mounts(engine: Engine) -> list[CacheRow]:
    from skerry.engine.builds.removal import folder_of_row, mount_lock

    rows = []
    for name, used_ns, doc in engine.store.db.query("SELECT id, used_ns, doc FROM build_mounts"):
        folder = folder_of_row(engine, name)
        lock = mount_lock(folder)
        if lock is not None:
            lock.release()
        rows.append(
            CacheRow(
                name, "mount", tree_size(folder + "/data"), fastjson.loads(doc)["created_ns"], used_ns,
                in_use=lock is None, shared=False, reclaimable=lock is not None, description=f"cache mount {name}",
            )
        )  # fmt: skip
    return rows


def _staging(engine: Engine) -> list[CacheRow]:
    """Working roots of builds that run."""
    rows = []
    for name in names(roots_folder(engine)):
        if name.endswith(".lock"):
            continue
        folder = f"{roots_folder(engine)}/{name}"
        try:
            made_ns = os.stat(folder).st_ctime_ns
        except FileNotFoundError:
            continue  # it has just ended
        size = tree_size(folder + "/upper")
        rows.append(
            CacheRow(name, "staging", size, made_ns, time.time_ns(), in_use=True, shared=False, reclaimable=False,
                     description="a step that runs")
        )  # fmt: skip
    return rows


def _filter(item: str) -> Callable[[CacheRow], bool]:
    key, equals, value = item.partition("=")
    if key not in FILTERS:
        raise Invalid(f'invalid filter "{key}"', hint=", ".join(FILTERS))
    if key in ("until", "unused-for"):
        before = parse_moment(value, key, past=True)
        return lambda row: row.used_ns <= before
    if key == "id":
        return lambda row: row.id.removeprefix("sha256:").startswith(value.removeprefix("sha256:"))
    if key in ("type", "kind"):
        if value not in _KINDS:
            raise Invalid(f'invalid cache type "{value}"', hint=", ".join(_KINDS))
        return lambda row: row.kind == _KINDS[value]
    if key == "description":
        return lambda row: value.lstrip("~") in row.description
    wanted = value.lower() not in ("false", "0") if equals else True
    if key in ("inuse", "in-use"):
        return lambda row: row.in_use == wanted
    return lambda row: row.shared == (wanted if key == "shared" else not wanted)


def prune(
    engine: Engine, *, all: bool = False, filters: Sequence[str] = (), keep_bytes: int = 0, keep_steps: int = 0,
    dry_run: bool = False, layers_only: bool = False,
) -> Pruned:  # fmt: skip
    """See `Builds.prune`. What a build that runs uses stays. Killed anywhere: what is not removed yet is whole."""
    rows = [row for row in reversed(du(engine, filters)) if row.kind != "staging" and not row.in_use]
    if layers_only:
        rows = [row for row in rows if row.kind == "step" and (all or row.layer)]
    if not all:
        rows = [row for row in rows if row.reclaimable]
    total = sum(row.size for row in rows if not row.shared)
    count = len(rows)
    chosen = []
    for row in rows:
        if keep_bytes and total <= keep_bytes and (not keep_steps or count <= keep_steps):
            break
        chosen.append(row)
        count -= 1
        total -= 0 if row.shared else row.size
    if dry_run:
        return Pruned([row.id for row in chosen], sum(row.size for row in chosen if not row.shared))
    freed = remove_steps(engine, [row.id for row in chosen if row.kind == "step"])
    for row in chosen:
        if row.kind == "mount" and remove_mount(engine, row.id):
            freed += row.size
    if not filters and not keep_bytes:
        sweep_mounts(engine)
    return Pruned([row.id for row in chosen], freed)


def sweep_mounts(engine: Engine) -> None:
    """Folders of cache mounts without a row: their making was cut."""
    from skerry.engine.builds.removal import folder_of_row, mount_lock
    from skerry.store.staging import remove_tree

    known = {os.path.basename(folder_of_row(engine, row[0]))
             for row in engine.store.db.query("SELECT id FROM build_mounts")}  # fmt: skip
    for name in {name.removesuffix(".lock") for name in names(mounts_folder(engine))} - known:
        folder = f"{mounts_folder(engine)}/{name}"
        lock = mount_lock(folder)
        if lock is not None:
            remove_tree(folder)
            lock.release(remove=True)
