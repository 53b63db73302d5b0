"""What exists, by name: for shell completion. Read as it is written, without observing anything or making a store."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine

KINDS = ("containers", "running-containers", "images", "networks", "volumes", "secrets")


def names(engine: Engine, kind: str, prefix: str = "") -> list[tuple[str, str]]:
    """The names of one of `KINDS` that begin with ``prefix``, each with a few words about it.

    Ids are listed too where two letters or more of one are typed."""
    if kind == "networks":
        return [pair for pair in _networks(engine) if pair[0].startswith(prefix)]
    if not os.path.exists(engine.store.path("skerry.db")):
        return []
    if kind == "images":
        return _images(engine, prefix)
    if kind == "volumes":
        rows = engine.store.db.query("SELECT name FROM volumes ORDER BY name")
        return [(name, "volume") for (name,) in rows if name.startswith(prefix)]
    if kind == "secrets":
        rows = engine.store.db.query("SELECT name FROM secrets ORDER BY name")
        return [(name, "secret") for (name,) in rows if name.startswith(prefix)]
    return _containers(engine, prefix, running=kind == "running-containers")


def _containers(engine: Engine, prefix: str, *, running: bool) -> list[tuple[str, str]]:
    rows = engine.store.db.query(
        "SELECT id, name, json_extract(doc, '$.image'), json_extract(state, '$.status') FROM containers ORDER BY name"
    )
    found = []
    for container_id, name, image, status in rows:
        if running and status not in ("running", "paused", "stopping", "initialized"):
            continue
        about = f"{status}, {image}" if image else str(status)
        if name.startswith(prefix):
            found.append((name, about))
        elif len(prefix) > 1 and container_id.startswith(prefix):
            found.append((container_id[:12] if len(prefix) <= 12 else container_id, f"{name}, {about}"))
    return found


def _images(engine: Engine, prefix: str) -> list[tuple[str, str]]:
    rows = engine.store.db.query("SELECT name, image FROM image_names ORDER BY name")
    found = []
    for name, image in rows:
        # The whole name, and once something is typed, what is left of it without the registry, and so on.
        parts = name.split("/")
        candidates = ["/".join(parts[start:]) for start in range(len(parts) if prefix else 1)]
        found += [(candidate, image[:12]) for candidate in candidates if candidate.startswith(prefix)]
    if len(prefix) > 1:
        found += [(i[:12], name) for name, i in rows if i.startswith(prefix) and len(prefix) <= 12]
    return found


def _networks(engine: Engine) -> list[tuple[str, str]]:
    folder = engine.settings.network_config_dir
    try:
        files = sorted(name[:-5] for name in os.listdir(folder) if name.endswith(".json"))
    except OSError:
        files = []
    return [(name, "network") for name in dict.fromkeys([engine.settings.default_network, *files])]
