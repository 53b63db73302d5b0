"""What is in a list: of this store, or of a registry."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.transfer import Transfer
from skerry.engine.manifests.document import entries_of, platform, serialise, subject
from skerry.engine.manifests.find import find_list
from skerry.engine.manifests.registry import open_remote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.manifests.types import Entry, IndexRecord


def inspect(engine: Engine, name: str, *, transfer: Transfer | None = None) -> dict[str, Any]:
    """See `Manifests.inspect`."""
    record = find_list(engine, name)
    if record is not None:
        return _local(record)
    with open_remote(engine, name, transfer or Transfer()) as remote:
        top = remote.top
    found: dict[str, Any] = fastjson.loads(top.data)
    if top.config is not None:
        engine.log(f"The manifest type {top.media_type} is not a manifest list but a single image.")
        return found
    shown: dict[str, Any] = {"schemaVersion": 2, "mediaType": top.media_type}
    if isinstance(found.get("artifactType"), str):
        shown["artifactType"] = found["artifactType"]
    shown["manifests"] = [_entry(item) for item in entries_of(top.data, name, nested=True)]
    for key in ("subject", "annotations"):
        if isinstance(found.get(key), dict):
            shown[key] = found[key]
    return shown


def _local(record: IndexRecord) -> dict[str, Any]:
    shown: dict[str, Any] = {"schemaVersion": 2, "mediaType": serialise(record)[1]}
    if record["artifact_type"]:
        shown["artifactType"] = record["artifact_type"]
    shown["manifests"] = [_entry(item) for item in record["entries"]] or None
    if record["subject"]:
        shown["subject"] = {**subject(record["subject"]), "platform": {"architecture": "", "os": ""}}
    if record["annotations"]:
        shown["annotations"] = dict(sorted(record["annotations"].items()))
    return shown


def _entry(item: Entry) -> dict[str, Any]:
    shown: dict[str, Any] = {"mediaType": item["media_type"], "size": item["size"], "digest": item["digest"]}
    if item["urls"]:
        shown["urls"] = item["urls"]
    shown["platform"] = platform(item)
    if item["features"]:
        shown["platform"]["features"] = item["features"]
    if item["annotations"]:
        shown["annotations"] = dict(sorted(item["annotations"].items()))
    if item["artifact_type"]:
        shown["artifactType"] = item["artifact_type"]
    if item.get("files"):
        shown["files"] = item["files"]
    return shown
