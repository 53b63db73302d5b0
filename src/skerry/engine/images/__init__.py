"""Images: what containers start from."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.engine import Engine
    from skerry.engine.images.bootstrap import Base
    from skerry.engine.images.commit import Commit
    from skerry.engine.images.push import Push
    from skerry.engine.images.search import Search
    from skerry.engine.images.transfer import Platform, Report, Transfer
    from skerry.engine.images.types import ImageRecord
    from skerry.store.changes import Change

    # Named here because `list` is a method below.
    Changes = list[Change]
    Lines = list[str]
    Rows = list[dict[str, Any]]
    Mounts = list[tuple[ImageRecord, str]]


class Images:
    """``engine.images``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def resolve(self, name: str) -> ImageRecord:
        """The image that a name, short name, id, beginning of an id or digest means. `NotFound`."""
        from skerry.engine.images.resolve import resolve

        return resolve(self._engine, name)

    def full_name(self, name: str) -> str:
        """The name with all that may be left out: Docker Hub where it names no registry, and its tag. Looks nothing up.
        `Invalid`."""
        from skerry.image.reference import DOCKER_HUB, complete, parse

        return complete(parse(name), DOCKER_HUB)

    def exists(self, name: str) -> bool:
        """Whether `resolve` would find it, and its layers are there."""
        from skerry.engine.images.resolve import find, is_whole

        record = find(self._engine, name)
        return record is not None and is_whole(self._engine, record)

    def inspect(self, name: str) -> dict[str, Any]:
        """Everything about an image, with Podman's keys."""
        from skerry.engine.images.inspect import inspect

        return inspect(self._engine, name)

    def history(self, name: str) -> list[dict[str, Any]]:
        """An image's history, newest first."""
        from skerry.engine.images.history import history

        return history(self._engine, name)

    def tag(self, name: str, *names: str) -> None:
        """Give an image more names; a name that another image has moves here."""
        from skerry.engine.images.names import tag

        tag(self._engine, name, names)

    def untag(self, name: str, *names: str) -> None:
        """Take names (all, when none are given) from an image; the image stays."""
        from skerry.engine.images.names import untag

        untag(self._engine, name, names)

    def remove(
        self,
        names: Sequence[str],
        *,
        force: bool = False,
        ignore: bool = False,
        whole: bool = False,
        prune: bool = True,
    ) -> list[str]:
        """Remove names, and images (``whole``: always) with their last one: lines ``Untagged: …``, ``Deleted: …``.

        With ``prune`` the nameless images that were only steps on the way to it go too. `InUse` while containers use
        it (``force`` removes them too), `NotFound` with exit code 1."""
        from skerry.engine.images.remove import remove

        return [
            line
            for name in names
            for line in remove(self._engine, name, force=force, ignore=ignore, whole=whole, prune=prune)
        ]

    def prune(self, *, all: bool = False, filters: Sequence[str] = ()) -> list[str]:
        """Remove images without a name (``all``: without a container): their ids."""
        from skerry.engine.images.prune import prune

        return prune(self._engine, all=all, filters=filters)

    def load(
        self, source: str | BinaryIO, *, advance: Callable[[int], object] | None = None, signature_policy: str = "",
        named: bool = True,
    ) -> list[str]:  # fmt: skip
        """Load every image of an archive or folder: names, or ``sha256:ID`` for images without one.

        ``advance`` is told of each so many bytes that were read; ``signature_policy``: instead of policy.json. Not
        ``named``: the names in an OCI layout are not taken."""
        from skerry.engine.images.load import load

        return load(self._engine, source, advance=advance, signature_policy=signature_policy, named=named)

    def save(
        self, names: Sequence[str], target: str | BinaryIO, *, format: str = "docker-archive", compress: bool = False,
        uncompressed: bool = False, multi: bool = False, advance: Callable[[int], object] | None = None,
    ) -> None:  # fmt: skip
        """Write images to an archive or folder: docker-archive, oci-archive, oci-dir, docker-dir.

        ``advance`` is told of each so many bytes that were written to an archive."""
        from skerry.engine.images.save import save

        save(
            self._engine, names, target, format=format, compress=compress, uncompressed=uncompressed, multi=multi,
            advance=advance,
        )  # fmt: skip

    def pull(
        self,
        name: str,
        *,
        platform: Platform | None = None,
        policy: str = "always",
        transfer: Transfer | None = None,
        report: Report | None = None,
    ) -> ImageRecord:
        """Fetch an image from its registry; policies ``always``, ``missing``, ``newer``, ``never``. What is here
        already is not fetched again, also after a pull that was cut. `NotFound`, `Denied`, `Unavailable`, `Corrupt`."""
        from skerry.engine.images.pull import Pull, pull

        options = Pull(platform=platform, policy=policy, transfer=transfer, report=report)
        return pull(self._engine, name, options)

    def push(self, name: str, destination: str = "", options: Push | None = None) -> str:
        """Bring an image to a registry (``destination``: its own name); the manifest's digest there. An image as it
        was pulled keeps its digest; layers that were built or loaded are compressed, once."""
        from skerry.engine.images.push import Push, push

        return push(self._engine, name, destination, options or Push())

    def search(self, term: str, options: Search | None = None) -> Rows:
        """Images of registries whose names have ``term`` in them (or a repository's tags), with Podman's keys."""
        from skerry.engine.images.search import Search, search

        return search(self._engine, term, options or Search())

    def bootstrap(
        self, distribution: str = "busybox", base: Base | None = None, *, report: Callable[[str], None] | None = None
    ) -> ImageRecord:
        """Make a base image without a registry: busybox, or a Debian or Ubuntu release."""
        from skerry.engine.images.bootstrap import bootstrap

        return bootstrap(self._engine, distribution, base, report=report)

    def commit(self, container: str, name: str = "", options: Commit | None = None) -> ImageRecord:
        """Make an image of a container's changes; the container stays, and may run meanwhile."""
        from skerry.engine.images.commit import Commit, commit

        return commit(self._engine, container, name, options or Commit())

    def import_tar(
        self, source: str | BinaryIO, name: str = "", *, changes: Sequence[str] = (), message: str = "",
        os_name: str = "", architecture: str = "", variant: str = "", tell: Callable[[str], None] = lambda _line: None,
    ) -> ImageRecord:  # fmt: skip
        """Make an image of a root file system's tar (plain, gzip or zstd). ``changes``: Containerfile instructions;
        ``tell`` is called with each line of progress.
        """
        from skerry.engine.images.from_tar import import_tar

        return import_tar(
            self._engine, source, name, changes=changes, message=message, os_name=os_name, architecture=architecture,
            variant=variant, tell=tell,
        )  # fmt: skip

    def diff(self, name: str, other: str = "") -> Changes:
        """("A", "C" or "D", path) of what the image's top layer changes, or how it differs from ``other``."""
        from skerry.engine.differences import diff

        return diff(self._engine, name, other, kind="image")

    def tree(self, name: str, *, what_requires: bool = False) -> Lines:
        """Its layers, with the images that end at each (``what_requires``: what is based on it), as lines."""
        from skerry.engine.images.tree import tree

        return tree(self._engine, name, what_requires=what_requires)

    def mount(self, name: str) -> str:
        """Show the image's tree on the host, read-only, until `unmount`; where."""
        from skerry.engine.images.mounts import mount

        return mount(self._engine, name)

    def unmount(self, name: str, *, force: bool = False) -> str:
        """Undo `mount` (``force``: also while files in it are open); the image's id, empty when it was not mounted."""
        from skerry.engine.images.mounts import unmount

        return unmount(self._engine, name, force=force)

    def mounted(self) -> Mounts:
        """The images that are mounted, and where."""
        from skerry.engine.images.mounts import mounted

        return mounted(self._engine)

    # The last, because of its name: annotations above mean the type.
    def list(
        self, *, all: bool = False, filters: Sequence[str] = (), names: Sequence[str] = (), sort: str = "created"
    ) -> list[dict[str, Any]]:
        """Images with the keys of ``podman images --format json``."""
        from skerry.engine.images.listing import json_rows

        return json_rows(self._engine, all=all, filters=filters, names=names, sort=sort)
