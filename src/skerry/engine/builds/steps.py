"""Steps that were done once, by the key of everything that they depend on."""

from __future__ import annotations

import os
import threading
import time

from skerry import fastjson
from skerry.errors import NotFound
from skerry.store.layers import get_layer, layer_dir
from skerry.store.pins import pin
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from skerry.engine.builds.types import StepRecord
    from skerry.engine.engine import Engine
    from skerry.store.database import Database

# Keys that were used and when, of all engines (one per thread) of this process, until `write_uses`: by database.
_used: dict[str, dict[str, int]] = {}
_used_lock = threading.Lock()
# Of what became of a step in earlier builds only so much is worth keeping to explain the next one.
_INPUTS_KEPT = 64 << 20
_SHOWN = 200  # characters of an instruction in lists


def lookup(engine: Engine, key: str, *, above: str | None = None) -> StepRecord | None:
    """See `Builds.lookup`. ``inputs`` are left out: only explanations need them, and they are long."""
    rows = engine.store.db.query("SELECT doc, used_ns FROM build_steps WHERE key = ?", key)
    if not rows:
        return None
    record = _record(rows[0][0], rows[0][1], {})
    layer = record["layer"]
    if layer is not None:
        pin(engine.store, [layer])
    found = get_layer(engine.store, layer) if layer is not None else None
    if layer is not None and (found is None or not os.path.isdir(layer_dir(engine.store, layer))):
        _forget(engine, key)
        return None
    if above is not None and found is not None and (found["parent"] or "") != above:
        return None  # a cache from elsewhere lied: it cannot be what this step made
    with _used_lock:
        _used.setdefault(engine.store.db.path, {})[key] = time.time_ns()
    return record


def _forget(engine: Engine, key: str) -> None:
    """A step whose layer is damaged or gone."""
    step("build.forget-step")
    engine.store.db.free(lambda db: db.execute("DELETE FROM build_steps WHERE key = ?", key), durable=False)


def latest(engine: Engine, identity: str) -> StepRecord | None:
    """See `Builds.latest`."""
    rows = engine.store.db.query(
        "SELECT doc, used_ns, inputs FROM build_steps WHERE identity = ? ORDER BY used_ns DESC LIMIT 1", identity
    )
    if not rows:
        return None
    return _record(rows[0][0], rows[0][1], _unpacked(rows[0][2]))


def _record(doc: str, used_ns: int, inputs: dict[str, Any]) -> StepRecord:
    found: StepRecord = fastjson.loads(doc)
    found["used_ns"], found["inputs"] = used_ns, inputs
    return found


def record(engine: Engine, key: str, layer: str | None, *, identity: str, inputs: Mapping[str, Any]) -> StepRecord:
    """See `Builds.record`. Survives the builder's death at once, and a power cut a little later."""
    now = time.time_ns()
    if layer is not None:
        pin(engine.store, [layer])
    found = get_layer(engine.store, layer) if layer is not None else None
    if layer is not None and found is None:
        raise NotFound(f"layer {layer} was removed meanwhile")
    result: StepRecord = {
        "key": key, "layer": layer, "identity": identity, "inputs": {}, "created_ns": now, "used_ns": now,
        "size": found["size"] if found else 0, "description": str(inputs.get("instruction") or identity)[:_SHOWN],
    }  # fmt: skip
    text, packed = fastjson.dumps(result), _packed(inputs)

    step("build.record-step")
    with engine.store.db.write(durable=False) as db:
        _require_layer(db, layer)
        db.execute(
            "INSERT OR REPLACE INTO build_steps (key, layer, used_ns, doc, identity, inputs) VALUES (?, ?, ?, ?, ?, ?)",
            key, layer, now, text, identity, packed,
        )  # fmt: skip
    return {**result, "inputs": dict(inputs)}


def _require_layer(db: Database, layer: str | None) -> None:
    if layer is not None and not db.query("SELECT 1 FROM layers WHERE chain_id = ?", layer):
        raise NotFound(f"layer {layer} was removed meanwhile")


def _packed(inputs: Mapping[str, Any]) -> bytes:
    """A copy of thousands of files has a long list: compressed it is a tenth."""
    import zlib

    return zlib.compress(fastjson.dumps(dict(inputs)).encode("utf-8", "surrogateescape"), 1) if inputs else b""


def _unpacked(data: bytes | str) -> dict[str, Any]:
    import zlib

    if not data or isinstance(data, str):
        return {}
    try:
        found: dict[str, Any] = fastjson.loads(zlib.decompressobj().decompress(data, _INPUTS_KEPT))
    except (zlib.error, ValueError):
        return {}
    return found


def write_uses(engine: Engine) -> None:
    """Write when steps were used, all at once."""
    with _used_lock:
        used = _used.pop(engine.store.db.path, None)
    if not used:
        return
    with engine.store.db.write(durable=False) as db:
        for key, used_ns in used.items():
            db.execute("UPDATE build_steps SET used_ns = ? WHERE key = ? AND used_ns < ?", used_ns, key, used_ns)
