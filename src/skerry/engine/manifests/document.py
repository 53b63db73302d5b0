"""A list of manifests as the JSON that registries and archives hold: an OCI index, or Docker's manifest list.

The order of the keys, and what is left out, are those of Go's libraries: the same list has the same digest everywhere.
"""

from __future__ import annotations

from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.errors import Corrupt, Unsupported

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.manifests.types import Entry, IndexRecord, Subject

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
INDEXES = (OCI_INDEX, DOCKER_INDEX)
MAX_ENTRIES = 1000  # what readers accept, this one too


def digest_of(data: bytes) -> str:
    """``sha256:…`` of bytes."""
    return "sha256:" + openssl_sha256(data).hexdigest()


def entry(media_type: str, digest: str, size: int, **more: Any) -> Entry:
    """An instance without more than it needs; ``more`` are fields of `Entry`."""
    found: Entry = {
        "media_type": media_type, "digest": digest, "size": size, "os": "", "architecture": "", "variant": "",
        "os_version": "", "os_features": [], "features": [], "annotations": {}, "artifact_type": "", "urls": [],
    }  # fmt: skip
    found.update(more)  # type: ignore[typeddict-item]
    return found


def preferred_type(record: IndexRecord) -> str:
    """What a list is when nobody asks for one of the two: OCI's index, but for one that only Docker's can hold."""
    if record["artifact_type"] or record["subject"] or record["annotations"]:
        return OCI_INDEX
    if any(item["artifact_type"] or item["annotations"] for item in record["entries"]):
        return OCI_INDEX
    if any(item["features"] for item in record["entries"]) or not record["entries"]:
        return DOCKER_INDEX
    return OCI_INDEX


def serialise(record: IndexRecord, media_type: str = "", entries: Sequence[Entry] | None = None) -> tuple[bytes, str]:
    """The list's bytes and their type. ``entries``: instead of its own."""
    wanted = media_type or preferred_type(record)
    items = record["entries"] if entries is None else entries
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": wanted}
    if wanted == DOCKER_INDEX:
        document["manifests"] = [_docker(item) for item in items]
        return _bytes(document), wanted
    if record["artifact_type"]:
        document["artifactType"] = record["artifact_type"]
    document["manifests"] = [_oci(item) for item in items]
    if record["subject"]:
        document["subject"] = subject(record["subject"])
    if record["annotations"]:
        document["annotations"] = dict(sorted(record["annotations"].items()))
    return _bytes(document), wanted


def go_json(text: str) -> str:
    """JSON as Go writes it: what would mean something in HTML is escaped."""
    for char, escaped in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escaped)
    return text


def _bytes(document: dict[str, Any]) -> bytes:
    return go_json(fastjson.dumps(document)).encode()


def subject(found: Subject) -> dict[str, Any]:
    """The descriptor of what a list or an artifact refers to."""
    made: dict[str, Any] = {"mediaType": found["media_type"], "digest": found["digest"], "size": found["size"]}
    if found.get("artifact_type"):
        made["artifactType"] = found["artifact_type"]
    return made


def _oci(item: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {"mediaType": item["media_type"], "digest": item["digest"], "size": item["size"]}
    if item["urls"]:
        made["urls"] = item["urls"]
    if item["annotations"]:
        made["annotations"] = dict(sorted(item["annotations"].items()))
    place = platform(item)
    if any(place.values()):
        made["platform"] = place
    if item["artifact_type"]:
        made["artifactType"] = item["artifact_type"]
    return made


def _docker(item: Entry) -> dict[str, Any]:
    made: dict[str, Any] = {"mediaType": item["media_type"], "size": item["size"], "digest": item["digest"]}
    if item["urls"]:
        made["urls"] = item["urls"]
    made["platform"] = platform(item)
    if item["features"]:
        made["platform"]["features"] = item["features"]
    return made


def platform(item: Entry) -> dict[str, Any]:
    """The platform as both formats have it."""
    made: dict[str, Any] = {"architecture": item["architecture"], "os": item["os"]}
    for key, value in (
        ("os.version", item["os_version"]), ("os.features", item["os_features"]), ("variant", item["variant"])
    ):  # fmt: skip
        if value:
            made[key] = value
    return made


def entries_of(data: bytes, what: str, *, nested: bool = False) -> list[Entry]:
    """The instances of an index (its descriptors were checked by `documents.parse`). `Corrupt`; `Unsupported` for an
    index in it, if not ``nested``."""
    found = [_entry(item, what) for item in fastjson.loads(data)["manifests"]]
    for item in found:
        if item["media_type"] in INDEXES and not nested:
            raise Unsupported(f"{what} has an index in it ({item['digest']}), which lists cannot hold")
    return found


def _entry(found: dict[str, Any], what: str) -> Entry:
    place = found.get("platform") or {}
    annotations = found.get("annotations") or {}
    if not isinstance(place, dict) or not isinstance(annotations, dict):
        raise Corrupt(f"{what} has a malformed descriptor")
    texts = (place.get(key, "") for key in ("os", "architecture", "variant", "os.version"))
    os, architecture, variant, os_version = (_text(value, what) for value in texts)
    return entry(
        found["mediaType"], found["digest"], found["size"], os=os, architecture=architecture, variant=variant,
        os_version=os_version, os_features=_texts(place.get("os.features"), what),
        features=_texts(place.get("features"), what), urls=_texts(found.get("urls"), what),
        annotations={key: _text(value, what) for key, value in annotations.items()},
        artifact_type=_text(found.get("artifactType", ""), what),
    )  # fmt: skip


def _text(value: Any, what: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Corrupt(f"{what} has a malformed descriptor")
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair, by its escape
        raise Corrupt(f"{what} has a malformed character") from None
    return value


def _texts(value: Any, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_ENTRIES:
        raise Corrupt(f"{what} has a malformed descriptor")
    return [_text(item, what) for item in value]
