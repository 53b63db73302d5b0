"""Manifests and indexes as a registry sends them: their shape is checked once, here.

The bytes stay beside what was parsed: a digest is of bytes.
"""

from __future__ import annotations

from _hashlib import openssl_sha256

from skerry import fastjson
from skerry.errors import Corrupt, SkerryError, Unsupported
from skerry.image.reference import is_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPT = ", ".join((OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_INDEX))
MAX_MANIFEST = 4 << 20  # the size that registries accept
_MAX_ENTRIES = 1000


class Descriptor:
    """What a manifest or an index points to."""

    __slots__ = ("digest", "media_type", "platform", "size")

    def __init__(self, media_type: str, digest: str, size: int, platform: dict[str, Any] | None) -> None:
        self.media_type = media_type
        self.digest = digest
        self.size = size
        self.platform = platform


class Document:
    """A manifest (``config`` and ``layers``) or an index (``manifests``), with its exact bytes."""

    __slots__ = ("config", "data", "digest", "layers", "manifests", "media_type")

    def __init__(self, data: bytes, media_type: str) -> None:
        self.data = data
        self.digest = digest_of(data)
        self.media_type = media_type
        self.config: Descriptor | None = None
        self.layers: list[Descriptor] = []
        self.manifests: list[Descriptor] = []


def digest_of(data: bytes) -> str:
    """``sha256:…`` of bytes."""
    return "sha256:" + openssl_sha256(data).hexdigest()


def parse(data: bytes, content_type: str, what: str) -> Document:
    """The document in ``data``. `Corrupt` when it is none, `Unsupported` for the formats of the past."""
    try:
        found = fastjson.loads(data)
    except SkerryError as error:
        raise Corrupt(f"{what} is {error.message}") from None
    if not isinstance(found, dict):
        raise Corrupt(f"{what} is no JSON object")
    if found.get("schemaVersion") == 1 or "fsLayers" in found:
        raise Unsupported(f"{what} is in Docker's first format (v2s1), which is no longer supported")
    if found.get("schemaVersion") != 2:
        raise Corrupt(f"{what} has no schemaVersion 2")
    is_index, is_manifest = "manifests" in found, "layers" in found or "config" in found
    if is_index == is_manifest:  # both: what one reader takes for an image is another one's index
        raise Corrupt(f"{what} is neither a manifest nor an index")
    document = Document(data, _media_type(found, content_type, is_index, what))
    if is_index:
        document.manifests = _descriptors(found["manifests"], what)
    else:
        document.config = _descriptor(found.get("config"), what)
        document.layers = _descriptors(found.get("layers"), what)
    return document


def _media_type(found: dict[str, Any], content_type: str, is_index: bool, what: str) -> str:
    known = (OCI_INDEX, DOCKER_INDEX) if is_index else (OCI_MANIFEST, DOCKER_MANIFEST)
    named = found.get("mediaType")
    if named is None:
        return content_type if content_type in known else known[0]
    if named not in known:
        raise Unsupported(f"{what} is of an unknown type: {str(named)[:100]!r}")
    return str(named)


def _descriptors(found: Any, what: str) -> list[Descriptor]:
    if not isinstance(found, list) or len(found) > _MAX_ENTRIES:
        raise Corrupt(f"{what} has a malformed list of descriptors")
    return [_descriptor(item, what) for item in found]


def _descriptor(found: Any, what: str) -> Descriptor:
    if not isinstance(found, dict):
        raise Corrupt(f"{what} has a malformed descriptor")
    digest, size, media_type = found.get("digest"), found.get("size"), found.get("mediaType")
    platform = found.get("platform")
    if not isinstance(digest, str) or not isinstance(media_type, str):
        raise Corrupt(f"{what} has a malformed descriptor")
    if not is_digest(digest):
        raise Unsupported(f"{what} has a digest that is no sha256: {digest[:100]!r}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 1 << 50:
        raise Corrupt(f"{what} has a descriptor with a malformed size")
    return Descriptor(media_type, digest, size, platform if isinstance(platform, dict) else None)
