"""Loading images from docker-archives, OCI archives, and the same as folders."""

from __future__ import annotations

from skerry import fastjson
from skerry.engine.images.add import (
    DOCKER_MANIFEST,
    OCI_MANIFEST,
    add_image,
    diff_ids_of,
    digest_of,
    drop_layers,
    parse_config,
)
from skerry.errors import Conflict, Corrupt, Invalid, NotFound, SkerryError
from skerry.image.archive import read_member
from skerry.image.reference import is_digest, normalise
from skerry.image.source import Counted, open_members
from skerry.store.layers import add_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.image.archive import Members
    from skerry.store.types import LayerRecord

_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
_DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
_DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_UNKNOWN = "payload does not match any of the supported image formats"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "riscv64": "riscv64"}


def load(engine: Engine, source: str | BinaryIO, *, advance: Callable[[int], object] | None = None) -> list[str]:
    """See `Images.load`."""
    engine.store.db  # noqa: B018 - the root's folders exist
    with engine.store.staging() as staging:
        try:
            members = open_members(source, staging)
            if advance is not None:
                members = Counted(members, advance)
            oci = members.has("index.json")
        except Corrupt as error:
            raise Invalid(f"{_UNKNOWN}: {error.message}") from None
        try:
            if oci:
                loaded = list(_load_oci(engine, members))
            elif members.has("manifest.json"):
                loaded = list(_load_any_manifest(engine, members))
            else:
                raise Invalid(f"{_UNKNOWN}: oci-dir, oci-archive, docker-dir, docker-archive")
        finally:
            members.close()
    return loaded


def _json(data: bytes, what: str) -> Any:
    try:
        return fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"{what} is {error.message}") from None


def _strings(value: Any, what: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Corrupt(f"{what} is no list of strings")
    return value


# docker-archive


def _load_any_manifest(engine: Engine, members: Members) -> Iterator[str]:
    entries = _json(read_member(members, "manifest.json"), "manifest.json")
    if isinstance(entries, dict):  # docker-dir: one image's manifest, blobs by their digests' digits
        yield _load_folder(engine, members, entries)
        return
    if not isinstance(entries, list) or not entries:
        raise Corrupt("manifest.json names no images")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("Config"), str):
            raise Corrupt("manifest.json is no list of images")
        names = [normalise(name) for name in _strings(entry.get("RepoTags"), "RepoTags")]
        yield from _load_docker(engine, members, entry, names)


def _load_docker(engine: Engine, members: Members, entry: dict[str, Any], names: list[str]) -> Iterator[str]:
    config = read_member(members, entry["Config"])
    diff_ids = diff_ids_of(parse_config(config))
    files = _strings(entry.get("Layers"), "Layers")
    if len(files) != len(diff_ids):
        raise Corrupt(f"the image's config has {len(diff_ids)} layers, manifest.json {len(files)}")

    def add(layers: _Layers) -> ImageRecord:
        for name, diff_id in zip(files, diff_ids, strict=True):
            layers.add(members, name, diff_id)
        manifest = _docker_manifest(config, layers.records)
        return add_image(engine, config, manifest, DOCKER_MANIFEST, layers.ids, names)

    record = _with_layers(engine, add)
    _announce(engine, record["id"], names)
    yield from names or [f"sha256:{record['id']}"]


def _docker_manifest(config: bytes, layers: list[LayerRecord]) -> bytes:
    """The manifest that Podman makes for such an image, byte by byte, so that the digests are the same."""
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": {"mediaType": _DOCKER_CONFIG, "size": len(config), "digest": digest_of(config)},
        "layers": [{"mediaType": _DOCKER_LAYER, "size": layer["size"], "digest": layer["diff_id"]} for layer in layers],
    }
    return fastjson.dumps(document).encode()


class _Layers:
    """The layers of one image, added one above the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.records: list[LayerRecord] = []

    @property
    def ids(self) -> list[str]:
        return [record["chain_id"] for record in self.records]

    def add(
        self, members: Members, name: str, diff_id: str, *, blob: str | None = None, size: int | None = None
    ) -> None:
        """Add the member ``name``; `Corrupt` names it when its bytes are not what was promised."""
        parent = self.records[-1]["chain_id"] if self.records else None
        with members.open(name) as stream:
            try:
                record = add_layer(
                    self._engine.store, parent, stream, diff_id=diff_id, blob=blob, blob_size=size
                )  # fmt: skip
            except Corrupt as error:
                raise Corrupt(f"{name}: {error.message}", hint=error.hint) from None
        self.records.append(record)

    def undo(self) -> None:
        """Take back what no image uses."""
        drop_layers(self._engine, self.ids)


def _with_layers(engine: Engine, add: Callable[[_Layers], ImageRecord]) -> ImageRecord:
    """What ``add`` makes of the layers that it adds; they are taken back if it fails.

    Until the image's row stands, a command that removes another image of the same layers may take them: once more."""
    for attempt in range(5):
        layers = _Layers(engine)
        try:
            return add(layers)
        except (Conflict, NotFound):
            layers.undo()
            if attempt == 4:
                raise
        except BaseException:
            layers.undo()
            raise
    raise AssertionError


def _announce(engine: Engine, image_id: str, names: list[str]) -> None:
    engine.events.emit(type="image", status="loadfromarchive", id=image_id, name=names[0] if names else image_id)


# OCI layouts


def _load_oci(engine: Engine, members: Members) -> Iterator[str]:
    index = _json(read_member(members, "index.json"), "index.json")
    found = False
    for descriptor, name in _images_of(members, index, 0):
        found = True
        yield _load_manifest(engine, members, _blob_name, descriptor, [normalise(name)] if name else [])
    if not found:
        raise Corrupt("index.json names no images")


def _blob_name(digest: str) -> str:
    return "blobs/sha256/" + digest[7:]


def _images_of(members: Members, index: Any, depth: int) -> Iterator[tuple[dict[str, Any], str]]:
    """Descriptors of manifests with their names. Of a nested index, this machine's platform."""
    manifests = index.get("manifests") if isinstance(index, dict) else None
    if not isinstance(manifests, list) or len(manifests) > 1000 or depth > 4:
        raise Corrupt("an index in the archive is malformed")
    for descriptor in manifests:
        _check_descriptor(descriptor)
        name = _name_of(descriptor)
        if descriptor.get("mediaType") in _INDEXES:
            nested = _json(_read_blob(members, _blob_name, descriptor), "an index")
            chosen = list(_images_of(members, _for_platform(nested), depth + 1))
            yield from ((inner, name or inner_name) for inner, inner_name in chosen[:1])
        else:
            yield descriptor, name


def _for_platform(index: Any) -> Any:
    import os

    machine = os.uname().machine
    wanted = _MACHINES.get(machine, machine)
    for descriptor in index.get("manifests") or () if isinstance(index, dict) else ():
        platform = descriptor.get("platform") if isinstance(descriptor, dict) else None
        if isinstance(platform, dict) and (platform.get("os"), platform.get("architecture")) == ("linux", wanted):
            return {"manifests": [descriptor]}
    return index


def _name_of(descriptor: dict[str, Any]) -> str:
    annotations = descriptor.get("annotations") or {}
    if not isinstance(annotations, dict):
        raise Corrupt("annotations in the archive's index are malformed")
    for key in ("io.containerd.image.name", "org.opencontainers.image.ref.name"):
        if isinstance(annotations.get(key), str) and annotations[key]:
            return str(annotations[key])
    return ""


def _check_descriptor(descriptor: Any) -> None:
    if (
        not isinstance(descriptor, dict)
        or not isinstance(descriptor.get("digest"), str)
        or not is_digest(descriptor["digest"])
        or not isinstance(descriptor.get("size"), int)
    ):
        raise Corrupt("a descriptor in the archive is malformed (only sha256 digests are supported)")


def _read_blob(members: Members, name: Callable[[str], str], descriptor: Any) -> bytes:
    _check_descriptor(descriptor)
    data = read_member(members, name(descriptor["digest"]))
    if digest_of(data) != descriptor["digest"] or len(data) != descriptor["size"]:
        raise Corrupt(f"blob {descriptor['digest']} in the archive is not what its digest and size say")
    return data


def _load_manifest(
    engine: Engine, members: Members, name: Callable[[str], str], descriptor: dict[str, Any], names: list[str]
) -> str:
    manifest = _read_blob(members, name, descriptor)
    document = _json(manifest, "a manifest")
    if not isinstance(document, dict) or not isinstance(document.get("layers"), list):
        raise Corrupt("a manifest in the archive is malformed")
    media_type = document.get("mediaType") or descriptor.get("mediaType") or OCI_MANIFEST
    return _add_manifest(engine, members, name, manifest, str(media_type), names)


def _load_folder(engine: Engine, members: Members, document: dict[str, Any]) -> str:
    if not isinstance(document.get("layers"), list):
        raise Corrupt("manifest.json is malformed")
    manifest = read_member(members, "manifest.json")
    media_type = str(document.get("mediaType") or OCI_MANIFEST)
    return _add_manifest(engine, members, lambda digest: digest[7:], manifest, media_type, [])


def _add_manifest(
    engine: Engine, members: Members, name: Callable[[str], str], manifest: bytes, media_type: str, names: list[str]
) -> str:
    document = _json(manifest, "a manifest")
    config = _read_blob(members, name, document.get("config"))
    diff_ids = diff_ids_of(parse_config(config))
    if len(document["layers"]) != len(diff_ids):
        raise Corrupt(f"the image's config has {len(diff_ids)} layers, its manifest {len(document['layers'])}")

    def add(layers: _Layers) -> ImageRecord:
        for descriptor, diff_id in zip(document["layers"], diff_ids, strict=True):
            _check_descriptor(descriptor)
            blob = descriptor["digest"]
            layers.add(members, name(blob), diff_id, blob=blob, size=descriptor["size"])
        return add_image(engine, config, manifest, media_type, layers.ids, names)

    record = _with_layers(engine, add)
    _announce(engine, record["id"], names)
    return names[0] if names else f"sha256:{record['id']}"
