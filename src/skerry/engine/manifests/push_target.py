"""Where a list is pushed to: a repository of a registry, or a layout (a folder or an archive)."""

from __future__ import annotations

from skerry.engine.images.push import push_image
from skerry.engine.images.save import LAYOUT_VERSION
from skerry.engine.images.write_image import Form, write_image
from skerry.errors import Invalid
from skerry.image import locations
from skerry.image.beside import Beside
from skerry.image.layout import FolderTarget, TarTarget, add_bytes, write_error
from skerry.image.registry.documents import OCI_MANIFEST
from skerry.image.registry.upload import Blob, push_blob
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import BinaryIO, Protocol

    from skerry.engine.engine import Engine
    from skerry.engine.images.push import Push
    from skerry.engine.images.types import ImageRecord
    from skerry.image.layout import Target as Members
    from skerry.image.locations import Location
    from skerry.image.reference import Reference
    from skerry.image.registry.client import Client

    class Target(Protocol):
        """Takes instances, then the list that names them. ``registry``: its name; empty for a layout."""

        registry: str

        def image(self, image: ImageRecord, options: Push) -> tuple[bytes, str]:
            """An image of the store: config, layers, manifest. The manifest, as it is there, and its type."""

        def has(self, digest: str) -> bool:
            """Whether a blob is there."""

        def blob(self, digest: str, size: int, open: Callable[[], BinaryIO], sources: Sequence[str] = ()) -> None:
            """A blob; ``sources`` are repositories of registries that have it."""

        def manifest(self, digest: str, data: bytes, media_type: str) -> None:
            """An instance's manifest."""

        def finish(self, digest: str, data: bytes, media_type: str) -> None:
            """The list: from here on it is there."""


class Repository:
    """A registry's repository; the list gets the tag (or is the digest) of ``reference``."""

    def __init__(self, engine: Engine, client: Client, reference: Reference) -> None:
        self._engine = engine
        self._client = client
        self._reference = reference
        self.registry = reference.domain

    def image(self, image: ImageRecord, options: Push) -> tuple[bytes, str]:
        return push_image(self._engine, self._client, image, self._reference, options)

    def has(self, digest: str) -> bool:
        return self._client.has_blob(digest)

    def blob(self, digest: str, size: int, open: Callable[[], BinaryIO], sources: Sequence[str] = ()) -> None:
        prefix = f"docker://{self._reference.domain}/"
        own = [item.removeprefix(prefix) for item in sources if item.startswith(prefix)]
        push_blob(self._client, Blob(digest, size, open), [path for path in own if path != self._reference.path])

    def manifest(self, digest: str, data: bytes, media_type: str) -> None:
        self._client.put_manifest(digest, data, media_type, digest)

    def finish(self, digest: str, data: bytes, media_type: str) -> None:
        name = digest if self._reference.digest else self._reference.tag
        if self._reference.digest and self._reference.digest != digest:
            raise Invalid(f"the list has the digest {digest}, not {self._reference.digest}")
        self._client.put_manifest(name, data, media_type, digest)


class Layout:
    """An OCI layout (``oci``) or a docker-dir, by its members."""

    def __init__(self, engine: Engine, members: Members, name: str, *, oci: bool, encoding: str) -> None:
        self._engine = engine
        self._members = members
        self._name = name
        self.registry = ""
        self.oci = oci
        self._encoding = encoding
        self._prefix = "blobs/sha256/" if oci else ""

    def image(self, image: ImageRecord, options: Push) -> tuple[bytes, str]:
        form = Form(
            media_type=options.media_type or (OCI_MANIFEST if self.oci else ""),
            encoding=options.compression or self._encoding, level=options.level, force=options.force,
            report=options.report,
        )  # fmt: skip
        data, media_type = write_image(self._engine, image, self._members, self._prefix, form)
        from skerry.engine.manifests.document import digest_of

        self.manifest(digest_of(data), data, media_type)
        return data, media_type

    def has(self, digest: str) -> bool:  # noqa: ARG002 - members are written once anyway
        return False

    def blob(self, digest: str, size: int, open: Callable[[], BinaryIO], sources: Sequence[str] = ()) -> None:  # noqa: ARG002
        with open() as stream:
            self._members.add(self._prefix + digest[7:], stream, size)

    def manifest(self, digest: str, data: bytes, media_type: str) -> None:  # noqa: ARG002 - the index says it
        add_bytes(self._members, self._prefix + digest[7:] + ("" if self.oci else ".manifest.json"), data)

    def finish(self, digest: str, data: bytes, media_type: str) -> None:
        if not self.oci:
            step("manifest.push-index")
            add_bytes(self._members, "manifest.json", data)
            return
        from skerry.engine.images.save import add_to_layout

        self.manifest(digest, data, media_type)
        step("manifest.push-index")
        add_to_layout(self._members, {"mediaType": media_type, "digest": digest, "size": len(data)}, self._name)


def layout_for(engine: Engine, location: Location, options: Push, write: Callable[[Target], str]) -> str:
    """Let ``write`` fill the archive or the folder at ``location``; an archive appears when it is whole."""
    if location.transport in (locations.DOCKER_ARCHIVE, locations.STORAGE):
        raise Invalid(
            f'copying multiple images: destination transport "{location.transport}" does not support copying multiple '
            "images as a group"
        )
    if location.index is not None:
        raise Invalid(f"{location}: an index names an image that is there, and none to be written")
    if location.transport == locations.DIR:
        encoding = options.compression or ("gzip" if options.compress else "")
        folder = FolderTarget(location.path)
        add_bytes(folder, "version", b"Directory Transport Version: 1.1\n")  # what is cut can be written again
        digest = write(Layout(engine, folder, "", oci=False, encoding=encoding))
        folder.remove_others()
        return digest
    encoding = options.compression or "gzip"
    if location.transport == locations.OCI:
        folder = FolderTarget(location.path)
        add_bytes(folder, "oci-layout", LAYOUT_VERSION)
        return write(Layout(engine, folder, location.reference, oci=True, encoding=encoding))
    step("image.save")
    try:
        with Beside(location.path) as file:
            archive = TarTarget(file)
            digest = write(Layout(engine, archive, location.reference, oci=True, encoding=encoding))
            archive.close()
            step("image.save-rename")
    except OSError as error:
        raise write_error(error) from None
    return digest
