"""Recording an image whose layers are stored. Order: layers, blobs, then the row, from which on it exists."""

from __future__ import annotations

import time
from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.engine.images.names import give
from skerry.engine.times import NEVER_NS
from skerry.errors import Conflict, Corrupt, SkerryError
from skerry.store.blobs import add_blob, has_blob, remove_blob
from skerry.store.layers import get_layer, remove_layer
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.database import Database
    from skerry.store.types import LayerRecord

_PARTS = ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
_MAX_INDEXES = 16  # a tag that moves daily would gather them without end
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest_of(data: bytes) -> str:
    """``sha256:…`` of bytes."""
    return "sha256:" + openssl_sha256(data).hexdigest()


def parse_time(text: object) -> int:
    """Nanoseconds of an RFC 3339 time; `NEVER_NS` for what is none."""
    if not isinstance(text, str) or len(text) < 20:
        return NEVER_NS
    try:
        seconds = _seconds(text[:19])
        rest, zone = text[19:], 0
        digits = len(rest) - len(rest.lstrip(".0123456789"))
        fraction, rest = rest[:digits].lstrip("."), rest[digits:]
        if rest not in ("Z", "z"):
            hours, minutes = rest[1:].split(":")
            zone = (int(hours) * 3600 + int(minutes) * 60) * (-1 if rest[0] == "-" else 1)
        found = (seconds - zone) * 10**9 + int((fraction + "0" * 9)[:9] or 0)
        return found if abs(found) < 1 << 63 else NEVER_NS  # the year 1, Go's zero time, is no time
    except (ValueError, IndexError):
        return NEVER_NS


def _seconds(text: str) -> int:
    """Of ``2006-01-02T15:04:05``, without the 3 ms that importing ``calendar`` costs every build. ``ValueError``."""
    if not (text.isascii() and [*text[4::3]] == ["-", "-", "T", ":", ":"]):
        raise ValueError(text)
    year, month, day, hour, minute, second = (int(text[at:to]) for at, to in _PARTS)
    if not (year and 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60 and second < 62):
        raise ValueError(text)
    # Years that begin with March: the day that may be missing is their last.
    year, month = (year, month) if month > 2 else (year - 1, month + 12)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day - 719_469
    return ((days * 24 + hour) * 60 + minute) * 60 + second


def add_image(
    engine: Engine, config: bytes, manifest: bytes, media_type: str, layers: Sequence[str], names: Sequence[str],
    *, pulled: bool = False, index_digest: str = "",
) -> ImageRecord:  # fmt: skip
    """Store config and manifest, and record the image under ``names`` (full); idempotent, durable. ``pulled``: a
    registry has this very manifest. ``index_digest``: it was come to through this index."""
    record = _record(engine, config, manifest, media_type, list(layers))
    if pulled:
        record["pulled"] = True
    store = engine.store
    if not pulled and _is_known(engine, record, names):
        record["names"] = list(names)
        return record
    with store.lock("image", record["id"]):
        before = store.db.query("SELECT digest, doc FROM main.images WHERE id = ?", record["id"])
        _note_indexes(record, before[0][1] if before else "", index_digest)
        try:
            step("image.blobs")
            add_blob(store, [config])
            add_blob(store, [manifest])
            step("image.record")
            with store.db.write(durable=True) as db:
                top = layers[-1] if layers else None
                if top and not db.query("SELECT 1 FROM layers WHERE chain_id = ?", top):
                    raise Conflict("a layer of the image was removed meanwhile", hint="try again")
                _insert(db, record, top)
                for name in names:
                    give(db, name, record["id"])
        except BaseException:
            if not before:
                remove_blob(store, f"sha256:{record['id']}")
                drop_manifest(engine, record["digest"])
            raise
        if before and before[0][0] != record["digest"]:  # the same image by another manifest: the new one counts
            step("image.remove-manifest")
            drop_manifest(engine, before[0][0])
    record["names"] = list(names)
    return record


def drop_manifest(engine: Engine, digest: str) -> None:
    """Remove a manifest that no image has any more, if no list of manifests names it."""
    from skerry.engine.manifests.records import in_a_list

    if not in_a_list(engine, digest):
        remove_blob(engine.store, digest)


def _note_indexes(record: ImageRecord, before: str, index_digest: str) -> None:
    """Keep what was known of the indexes that lead to the image, and note one more."""
    known: list[str] = fastjson.loads(before).get("index_digests", []) if before else []
    found = [digest for digest in known if digest != index_digest] + [index_digest] * bool(index_digest)
    if found:
        record["index_digests"] = found[-_MAX_INDEXES:]


def _is_known(engine: Engine, record: ImageRecord, names: Sequence[str]) -> bool:
    """Whether the very same image has these names already: a build that found everything in its cache writes nothing."""
    query = engine.store.db.query
    if query("SELECT digest FROM main.images WHERE id = ?", record["id"]) != [(record["digest"],)]:
        return False
    had = {row[0] for row in query("SELECT name FROM main.image_names WHERE image = ?", record["id"])}
    whole = all(has_blob(engine.store, digest) for digest in (f"sha256:{record['id']}", record["digest"]))
    return had.issuperset(names) and whole


def note_index(engine: Engine, image_id: str, index_digest: str) -> None:
    """Note that an image, which is here as it was, is what this index leads to now."""
    store = engine.store
    with store.lock("image", image_id), store.db.write(durable=True) as db:
        for (doc,) in db.query("SELECT doc FROM images WHERE id = ?", image_id):
            record: ImageRecord = fastjson.loads(doc)
            if index_digest and index_digest not in record.get("index_digests", ()):
                _note_indexes(record, doc, index_digest)
                db.execute("UPDATE main.images SET doc = ? WHERE id = ?", fastjson.dumps(record), image_id)


def _insert(db: Database, record: ImageRecord, top: str | None) -> None:
    db.execute(
        "INSERT INTO main.images (id, digest, top_layer, created_ns, doc) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
        "SET digest = excluded.digest, top_layer = excluded.top_layer, doc = excluded.doc",
        record["id"], record["digest"], top, record["created_ns"], fastjson.dumps(record),
    )  # fmt: skip


def _record(engine: Engine, config: bytes, manifest: bytes, media_type: str, layers: list[str]) -> ImageRecord:
    found = [get_layer(engine.store, chain_id) for chain_id in layers]
    if None in found:
        raise Conflict("a layer of the image was removed meanwhile", hint="try again")
    return record_of(config, manifest, media_type, [layer for layer in found if layer])


def record_of(config: bytes, manifest: bytes, media_type: str, layers: Sequence[LayerRecord]) -> ImageRecord:
    """What is kept of an image, without its names. `Corrupt` for a config that is none."""
    document = parse_config(config)
    # As Podman counts, which keeps a manifest under two keys.
    size = len(config) + 2 * len(manifest) + sum(layer["size"] for layer in layers)
    history = [entry for entry in document.get("history") or () if isinstance(entry, dict)]
    annotations = fastjson.loads(manifest).get("annotations") or {}
    return {
        "id": digest_of(config)[7:],
        "digest": digest_of(manifest),
        "media_type": media_type,
        "created_ns": parse_time(document.get("created")),
        "loaded_ns": time.time_ns(),
        "size": size,
        "layers": [layer["chain_id"] for layer in layers],
        "diff_ids": [layer["diff_id"] for layer in layers],
        "config": document["config"],
        "architecture": _text(document, "architecture"),
        "os": _text(document, "os"),
        "variant": _text(document, "variant"),
        "author": _text(document, "author"),
        "comment": _text(document, "comment") or (_text(history[-1], "comment") if history else ""),
        "history": history,
        "annotations": annotations if isinstance(annotations, dict) else {},
        "names": [],
    }


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


_MAX_DEPTH = 100
_LISTS = ("Env", "Cmd", "Entrypoint", "OnBuild", "Shell")
_MAPS = ("ExposedPorts", "Volumes", "Labels")
_TEXTS = ("User", "WorkingDir", "StopSignal")


def parse_config(data: bytes) -> dict[str, Any]:
    """An image's config, its shape checked so that nobody after has to: `Corrupt`. ``config`` is always there."""
    try:
        document = fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"the image's config is {error.message}") from None
    if not isinstance(document, dict):
        raise Corrupt("the image's config is no JSON object")
    _expect(_is_shallow(document, _MAX_DEPTH), "structure: it is nested too deeply")
    try:
        fastjson.encode(document)
    except UnicodeEncodeError:  # half of a pair, by its escape
        raise Corrupt("the image's config has a malformed character") from None
    config = document.get("config") or {}
    _expect(isinstance(config, dict), "config")
    for key in _LISTS:
        value = config.get(key)
        _expect(value is None or (isinstance(value, list) and all(_is_text(v) for v in value)), key)
    for key in _MAPS:
        _expect(isinstance(config.get(key) or {}, dict) and "\0" not in "".join(config.get(key) or {}), key)
    _expect(all(isinstance(value, str) for value in (config.get("Labels") or {}).values()), "Labels")
    for key in _TEXTS:
        _expect(_is_text(config.get(key) or ""), key)
    _expect(isinstance(document.get("history") or [], list), "history")
    document["config"] = config
    return document


def _is_text(value: object) -> bool:
    """Whether it is a string that can be handed to the kernel."""
    return isinstance(value, str) and "\0" not in value


def _is_shallow(value: object, depth: int) -> bool:
    """Whether everything that prints or copies the document can do so without running out of stack."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_is_shallow(item, depth - 1) for item in inner)


def diff_ids_of(document: dict[str, Any]) -> list[str]:
    """The config's layers by the digests of their content. `Corrupt` when they are not a list of digests."""
    from skerry.image.reference import is_digest

    rootfs = document.get("rootfs")
    found = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if found is None:
        found = []
    _expect(isinstance(found, list) and all(isinstance(d, str) and is_digest(d) for d in found), "rootfs.diff_ids")
    _expect(len(found) <= 1000, "rootfs.diff_ids (more than 1000 layers)")
    return list(found)


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise Corrupt(f"the image's config has a malformed {what}")


def drop_layers(engine: Engine, layers: Sequence[str]) -> None:
    """Remove layers (base first) that nothing uses, from the top."""
    from skerry.errors import InUse

    for chain_id in reversed(layers):
        try:
            remove_layer(engine.store, chain_id)
        except InUse:
            return
