"""Lists of manifests (OCI indexes, Docker's manifest lists): one name for an image's instances for several platforms."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from skerry.engine.engine import Engine
    from skerry.engine.images.push import Push
    from skerry.engine.images.transfer import Platform, Transfer
    from skerry.engine.images.types import ImageRecord
    from skerry.engine.manifests.artifact import Artifact
    from skerry.engine.manifests.change import Details
    from skerry.engine.manifests.types import IndexRecord


class Manifests:
    """``engine.manifests``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def create(
        self, name: str, images: Sequence[str] = (), *, amend: bool = False, all: bool = False,
        annotations: Mapping[str, str] | None = None, transfer: Transfer | None = None,
    ) -> str:  # fmt: skip
        """A new list (``amend``: or the one that has the name) with these images in it; its id. `Conflict` when the
        name is taken. Other arguments: as `add`'s."""
        from skerry.engine.manifests.change import create

        return create(
            self._engine, name, images, amend=amend, all=all, annotations=annotations, transfer=transfer
        )  # fmt: skip

    def add(
        self, name: str, images: Sequence[str], *, all: bool = False, details: Details | None = None,
        transfer: Transfer | None = None,
    ) -> str:  # fmt: skip
        """Add images of this store, of registries (only their descriptors are fetched), of archives and folders; the
        list's id. Of a list its image for this platform is added, with ``all`` every one."""
        from skerry.engine.manifests.change import add

        return add(self._engine, name, images, all=all, details=details, transfer=transfer)

    def add_image(
        self, name: str, image_id: str, *, annotations: Mapping[str, str] | None = None, details: Details | None = None
    ) -> str:  # fmt: skip
        """Add one image of this store; the digest of its manifest."""
        from skerry.engine.manifests.change import Details, add_image

        return add_image(self._engine, name, image_id, details or Details(annotations=annotations))

    def add_artifact(
        self, name: str, files: Sequence[str], artifact: Artifact | None = None, *, details: Details | None = None,
        transfer: Transfer | None = None,
    ) -> str:  # fmt: skip
        """Add files as one artifact; the list's id."""
        from skerry.engine.manifests.artifact import Artifact, add_artifact

        return add_artifact(self._engine, name, files, artifact or Artifact(), details=details, transfer=transfer)

    def add_attestation(self, name: str, image_digest: str, statements: Sequence[tuple[str, bytes]]) -> str:
        """Add in-toto statements (predicate type, JSON) about the image whose manifest has ``image_digest``; the digest of
        their manifest."""
        from skerry.engine.manifests.attestation import add_attestation

        return add_attestation(self._engine, name, image_digest, statements)

    def annotate(
        self, name: str, instance: str = "", *, details: Details | None = None,
        index_annotations: Mapping[str, str] | None = None, subject: str = "", transfer: Transfer | None = None,
    ) -> str:  # fmt: skip
        """Change what is said of an instance (its digest, its image's name, an artifact's file), or, without one, of
        the list; the list's id."""
        from skerry.engine.manifests.change import annotate

        return annotate(
            self._engine, name, instance, details=details, index_annotations=index_annotations, subject=subject,
            transfer=transfer,
        )  # fmt: skip

    def inspect(self, name: str, *, transfer: Transfer | None = None) -> dict[str, Any]:
        """What is in a list of this store, or else of a registry, with Podman's keys."""
        from skerry.engine.manifests.inspect import inspect

        return inspect(self._engine, name, transfer=transfer)

    def push(
        self, name: str, destination: str = "", options: Push | None = None, *, all: bool = True,
        add_compression: Sequence[str] = (), remove: bool = False,
    ) -> str:  # fmt: skip
        """Bring a list, and with ``all`` its images, to a registry, a folder (``dir:``, ``oci:``) or an oci-archive; the
        list's digest there. ``add_compression``: images with these compressions besides. ``remove``: the list goes."""
        from skerry.engine.images.push import Push
        from skerry.engine.manifests.push import push_list

        digest = push_list(
            self._engine, name, destination, options or Push(), all=all, add_compression=add_compression
        )  # fmt: skip
        if remove:
            self.rm([name])
        return digest

    def remove(self, name: str, digest: str) -> str:
        """Take one instance from a list; the list's id."""
        from skerry.engine.manifests.change import remove_instance

        return remove_instance(self._engine, name, digest)

    def rm(self, names: Sequence[str], *, ignore: bool = False) -> list[str]:
        """Remove lists with all their names; lines ``Untagged: …``, ``Deleted: …``. Their images stay."""
        from skerry.engine.manifests.change import remove_lists

        return remove_lists(self._engine, names, ignore=ignore)

    def exists(self, name: str) -> bool:
        """Whether there is such a list. `Invalid` when it is an image."""
        from skerry.engine.manifests.find import get_list
        from skerry.errors import NotFound

        try:
            get_list(self._engine, name)
        except NotFound:
            return False
        return True

    def resolve(self, name: str) -> IndexRecord:
        """The list that a name, an id or a digest means. `NotFound`; `Invalid` for an image."""
        from skerry.engine.manifests.find import get_list

        return get_list(self._engine, name)

    def instance(self, name: str, platform: Platform | None = None) -> ImageRecord:
        """The list's image for a platform (this machine's), if it is in the store. `NotFound`."""
        from skerry.engine.manifests.find import get_list, instance

        return instance(self._engine, get_list(self._engine, name), platform)
