"""Loading images from docker-archives, OCI archives, and the same as folders."""

from __future__ import annotations

import errno
import os
import shutil

from skerry.config import policy
from skerry.engine.images.load_docker import entries_of, load_entry
from skerry.engine.images.load_layers import announce, parse_json
from skerry.engine.images.load_oci import images_of_layout, load_descriptor, load_folder
from skerry.errors import Corrupt, Invalid, OutOfSpace, Unavailable
from skerry.image.archive import FolderMembers, read_member
from skerry.image.download import is_address, open_address
from skerry.image.reference import normalise
from skerry.image.source import Counted, open_members

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from skerry.engine.engine import Engine
    from skerry.image.archive import Members

_UNKNOWN = "payload does not match any of the supported image formats"


def load(
    engine: Engine,
    source: str | BinaryIO,
    *,
    advance: Callable[[int], object] | None = None,
    signature_policy: str = "",
    named: bool = True,
) -> list[str]:
    """See `Images.load`."""
    engine.store.db  # noqa: B018 - the root's folders exist
    rules = policy.load(signature_policy)
    path = os.path.realpath(source) if isinstance(source, str) else ""
    with engine.store.staging() as staging:
        try:
            if isinstance(source, str) and is_address(source):
                source, path = _fetched(source, staging.path), source
            members = open_members(source, staging)
            folder = isinstance(members, FolderMembers)
            if advance is not None:
                members = Counted(members, advance)
            oci = members.has("index.json")
        except Corrupt as error:
            raise Invalid(f"{_UNKNOWN}: {error.message}") from None
        try:
            if oci:
                rules.check("oci" if folder else "oci-archive", path)
                return list(_load_layout(engine, members, path, named=named, folder=folder))
            if members.has("manifest.json"):
                return list(_load_any_manifest(engine, members, path, rules))
            raise Invalid(f"{_UNKNOWN}: oci-dir, oci-archive, docker-dir, docker-archive")
        finally:
            members.close()


def _fetched(address: str, folder: str) -> str:
    """What an address gives, in a file: which layer is whose may stand at its end."""
    path = folder + "/download"
    try:
        with open_address(address) as stream, open(path, "wb") as file:
            shutil.copyfileobj(stream, file, 1 << 20)
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"downloading {address}: {error.strerror}") from None
    return path


def _load_layout(engine: Engine, members: Members, path: str, *, named: bool, folder: bool) -> Iterator[str]:
    found = list(images_of_layout(members))
    if folder and len(found) == 1:
        named = False  # as Podman; of several, which it does not load, nobody would know which is which
    for descriptor, name in found:
        names = [normalise(name)] if name and named else []
        record = load_descriptor(engine, members, descriptor, names)
        announce(engine, record["id"], path)
        yield names[0] if names else f"sha256:{record['id']}"


def _load_any_manifest(engine: Engine, members: Members, path: str, rules: policy.Policy) -> Iterator[str]:
    document = parse_json(read_member(members, "manifest.json"), "manifest.json")
    if isinstance(document, dict):  # docker-dir: one image's manifest, blobs by their digests' digits
        rules.check("dir", path)
        record = load_folder(engine, members, document)
        announce(engine, record["id"], path)
        yield f"sha256:{record['id']}"
        return
    rules.check("docker-archive", path)
    for entry in entries_of(document):
        names = [normalise(tag) for tag in entry.tags]
        record = load_entry(engine, members, entry, names)
        announce(engine, record["id"], path)
        yield from names or [f"sha256:{record['id']}"]
