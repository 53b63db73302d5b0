"""What was found in an additional store, checked: nothing of it is believed that its digests do not say."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field

from skerry import fastjson
from skerry.engine.images.add import diff_ids_of, digest_of, parse_config, record_of
from skerry.engine.images.types import ImageRecord
from skerry.errors import Corrupt, Invalid, SkerryError
from skerry.image.reference import HEX, parse
from skerry.store.types import LayerRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DOCUMENT = 16 << 20


@dataclass(frozen=True)
class FoundLayer:
    """A layer and where it is. ``tar_split``: the recipe, where it is in containers/storage's form."""

    record: LayerRecord
    folder: str
    tar_split: str = ""
    blob: str = ""


@dataclass(frozen=True)
class FoundImage:
    """An image, with the files of its config and manifest by digest."""

    record: ImageRecord
    documents: dict[str, str]
    names: list[str]
    past_names: list[str]


@dataclass
class Found:
    """All of one store. ``skipped``: what cannot be used of it, and why."""

    path: str
    layers: dict[str, FoundLayer] = field(default_factory=dict)
    images: list[FoundImage] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def add_image(
        self, image_id: str, config: str, manifest: str, layers: Sequence[FoundLayer], names: Iterable[str],
        past_names: Iterable[str],
    ) -> ImageRecord:  # fmt: skip
        """Take up an image by the files of its config and manifest and its layers, base first. `Corrupt`."""
        if not is_hex(image_id):
            raise Corrupt("its id is none")
        config_data, manifest_data = read_file(config), read_file(manifest)
        if digest_of(config_data) != "sha256:" + image_id:
            raise Corrupt("its config is not the one that its id names")
        if diff_ids_of(parse_config(config_data)) != [layer.record["diff_id"] for layer in layers]:
            raise Corrupt("its layers are not those that its config names")
        record = record_of(config_data, manifest_data, _media_type(manifest_data), [it.record for it in layers])
        record["store"] = self.path
        documents = {"sha256:" + image_id: config, record["digest"]: manifest}
        self.images.append(FoundImage(record, documents, _valid(names), _valid(past_names)))
        return record


def is_hex(text: object) -> bool:
    """Whether it is the hexadecimal form of a SHA-256 sum."""
    return isinstance(text, str) and len(text) == 64 and HEX.issuperset(text)


def is_folder(path: str) -> bool:
    """Whether a folder, and no link to one, is there and can be looked into."""
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode) and os.access(path, os.R_OK | os.X_OK)
    except OSError:
        return False


def read_file(path: str, limit: int = _DOCUMENT) -> bytes:
    """A small regular file, no link. `Corrupt` when it is none, or larger."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise Corrupt(f"{path} is no regular file")
            data = file.read(limit + 1)
    except OSError as error:
        raise Corrupt(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise Corrupt(f"{path} is larger than {limit} bytes")
    return data


def _media_type(manifest: bytes) -> str:
    try:
        document = fastjson.loads(manifest)
        layers, config = document["layers"], document["config"]
        if not isinstance(layers, list) or not isinstance(config, dict):
            raise TypeError
        found = document.get("mediaType") or ""
        docker = str(config.get("mediaType")).startswith("application/vnd.docker.")
    except (SkerryError, LookupError, TypeError, AttributeError):
        raise Corrupt("its manifest is none") from None
    if isinstance(found, str) and found:
        return found
    kind = "vnd.docker.distribution.manifest.v2" if docker else "vnd.oci.image.manifest.v1"
    return f"application/{kind}+json"


def _valid(names: Iterable[str]) -> list[str]:
    """Those that are full names."""
    result = []
    for name in names:
        try:
            parsed = parse(name)
        except (Invalid, AttributeError):
            continue
        if parsed.domain and (parsed.tag or parsed.digest):
            result.append(name)
    return result
