"""Builds: what a builder is made of. Working roots, steps that are remembered, cache mounts, images from layers."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, BinaryIO

    from skerry.engine.builds.cache_mounts import CacheMount
    from skerry.engine.builds.reuse import Reuse
    from skerry.engine.builds.root import WorkingRoot
    from skerry.engine.builds.step_lock import StepLock
    from skerry.engine.builds.types import CacheRow, Pruned, StepRecord
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.staging import Staging
    from skerry.store.types import LayerRecord


class Builds:
    """``engine.builds``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def check_cancelled(self) -> None:
        """`Interrupted` when the engine's ``cancelled`` says so."""
        if self._engine.cancelled is not None and self._engine.cancelled():
            from skerry.engine.builds.errors import Interrupted

            raise Interrupted("interrupted")

    # Working roots

    def open_root(self, layers: Sequence[str], *, writable: bool = True) -> WorkingRoot:
        """A root file system above ``layers`` (chain ids, base first) to work in: a context manager.

        ``with engine.builds.open_root(layers) as root``: ``root.path`` is the merged tree, ``root.upper`` what was
        written; ``root.run(RunRequest)`` runs a program in it and gives its exit code; ``root.commit()`` makes what was
        written a layer. All of it is gone at the end, also (by the next command) when the builder was killed."""
        from skerry.engine.builds.root import WorkingRoot

        return WorkingRoot(self._engine, layers, writable=writable)

    # Layers

    def layer(self, chain_id: str) -> LayerRecord | None:
        """A layer's record, or None."""
        from skerry.store.layers import get_layer

        return get_layer(self._engine.store, chain_id)

    def squash(self, layers: Sequence[str], *, keep: int = 0, clamp_ns: int | None = None) -> LayerRecord:
        """One layer that shows what ``layers[keep:]`` amount to, above the first ``keep``; nothing is copied that
        can be linked. ``clamp_ns``: no file is newer."""
        from skerry.engine.builds.squash import squash

        return squash(self._engine, layers, keep=keep, clamp_ns=clamp_ns)

    def move(self, layer: str, layers: Sequence[str]) -> LayerRecord:
        """A layer of its own (that of a linked COPY) above ``layers``: nothing of it is read, copied or hashed."""
        from skerry.engine.builds.squash import move

        return move(self._engine, layer, layers)

    def rewrite(self, layers: Sequence[str], clamp_ns: int, *, keep: int = 0) -> list[LayerRecord]:
        """The layers after the first ``keep`` anew, with no time later than ``clamp_ns`` (--rewrite-timestamp)."""
        from skerry.engine.builds.squash import rewrite

        return rewrite(self._engine, layers, clamp_ns, keep=keep)

    def export_tree(self, layers: Sequence[str], folder: str, *, clamp_ns: int | None = None) -> None:
        """Write what the layers show into ``folder`` (made; ``-o type=local``). What is there already and not in the way
        stays. Owners only as root."""
        from skerry.engine.builds.export import export_tree

        export_tree(self._engine, layers, folder, clamp_ns=clamp_ns)

    def export_tar(self, layers: Sequence[str], fd: int, *, clamp_ns: int | None = None) -> None:
        """Write what the layers show as a tar to the descriptor ``fd`` (``-o type=tar``), deterministic."""
        from skerry.engine.builds.export import export_tar

        export_tar(self._engine, layers, fd, clamp_ns=clamp_ns)

    def tar_folder(self, folder: str, fd: int, *, clamp_ns: int | None = None) -> None:
        """The same of a folder on this machine."""
        from skerry.engine.builds.export import tar_folder

        tar_folder(folder, fd, clamp_ns=clamp_ns)

    # Steps

    def check(
        self, *, capabilities: Sequence[str], ulimits: Sequence[str], devices: Sequence[str], runtime: str
    ) -> None:
        """`Invalid`, `NotFound` in Podman's words for what no step could run with."""
        from skerry.engine.builds.check import check

        check(self._engine, capabilities=capabilities, ulimits=ulimits, devices=devices, runtime=runtime)

    def devices(self, text: str, *, required: bool = False) -> list[str]:
        """The CDI devices that RUN --device names; `NotFound` for none when they are ``required``."""
        from skerry.engine.builds.cdi import device_names

        return device_names(self._engine, text, required=required)

    def lookup(self, key: str, *, above: str | None = None) -> StepRecord | None:
        """The step done before under ``key``, if its layer is there; it counts as used now (written by `finish`).
        ``above``: only a layer that stands on this one ("": on none)."""
        from skerry.engine.builds.steps import lookup

        return lookup(self._engine, key, above=above)

    def latest(self, identity: str) -> StepRecord | None:
        """What the step ``identity`` was the last time, for the reason why it isn't cached now."""
        from skerry.engine.builds.steps import latest

        return latest(self._engine, identity)

    def reuse(self, before: StepRecord, upper: str) -> Reuse | None:
        """What `carry_out` may link from the layer of the same COPY's last time into ``upper``: a context manager. None
        when that layer is gone."""
        from skerry.engine.builds.reuse import Reuse
        from skerry.store.layers import layer_folder

        try:
            # Never of an additional store: a new name would change its file.
            return Reuse(
                layer_folder(self._engine.store, before["layer"] or "") + "/diff", before["inputs"]["files"], upper
            )
        except (OSError, KeyError):
            return None

    def record(
        self, key: str, layer: str | None, *, identity: str = "", inputs: Mapping[str, Any] | None = None
    ) -> StepRecord:
        """Remember that ``key`` made ``layer``: from here on the layer is kept, and `lookup` finds it. `NotFound`
        when the layer was removed meanwhile."""
        from skerry.engine.builds.steps import record

        return record(self._engine, key, layer, identity=identity, inputs=inputs or {})

    def lock_step(self, key: str, *, cancelled: Callable[[], bool] | None = None) -> StepLock:
        """Held while a step is done, so that two builds do it once: look it up again when you have it. A context
        manager; a builder that dies frees it. `Interrupted` when ``cancelled`` says so."""
        from skerry.engine.builds.step_lock import StepLock

        return StepLock(self._engine.store, key, cancelled)

    def finish(self) -> None:
        """At a build's end: write what was used, and bound the cache (least recently used goes first)."""
        from skerry.engine.builds.bound import finish

        finish(self._engine)

    def leave(self) -> None:
        """At the end of a build that failed: let go of what this process holds. Idempotent; `finish` does it, too."""
        from skerry.engine.builds.bound import leave

        leave(self._engine)

    # Cache mounts

    def cache_mount(
        self, id: str, *, sharing: str = "shared", uid: int = 0, gid: int = 0, mode: int = 0o755, source: str = "",
        cancelled: Callable[[], bool] | None = None,
    ) -> CacheMount:  # fmt: skip
        """The folder ``.path`` of a cache mount, made when it isn't there (as a copy of the folder ``source`` if given):
        a context manager. ``sharing``: shared, private (a second user gets another folder), locked (waits)."""
        from skerry.engine.builds.cache_mounts import CacheMount

        return CacheMount(
            self._engine, id, sharing=sharing, uid=uid, gid=gid, mode=mode, source=source, cancelled=cancelled
        )

    def export_cache_mount(self, id: str, fd: int) -> bool:
        """Write the cache mount's tree as a tar to ``fd``; whether there is one."""
        from skerry.engine.builds.cache_transfer import export_mount

        return export_mount(self._engine, id, fd)

    def import_cache_mount(self, id: str, fd: int, *, replace: bool = False) -> bool:
        """Make a cache mount of a tar (plain, gzip, zstd) that is read from ``fd``, unless there is one already
        (``replace``: in its place); whether it was made."""
        from skerry.engine.builds.cache_transfer import import_mount

        return import_mount(self._engine, id, fd, replace=replace)

    # Images

    def image(
        self, document: dict[str, Any], layers: Sequence[str], names: Sequence[str] = (), *, format: str = "oci",
        annotations: Mapping[str, str] | None = None,
    ) -> ImageRecord:  # fmt: skip
        """An image of ``document`` (a config with created, config, history …; rootfs is filled in) and layers (chain
        ids, base first). With Docker's format HEALTHCHECK, ONBUILD, SHELL are kept, with OCI's left out with a warning.

        Names move here. Durable."""
        from skerry.engine.builds.assemble import assemble

        return assemble(self._engine, document, layers, names, format=format, annotations=annotations)

    def descriptor(self, image_id: str) -> dict[str, Any]:
        """The descriptor of an image's manifest as it is here: ``mediaType``, ``digest``, ``size``, ``platform``."""
        from skerry.engine.builds.assemble import descriptor

        return descriptor(self._engine, image_id)

    @staticmethod
    def is_place(name: str) -> bool:
        """Whether it is somewhere else by its transport (``dir:``, ``oci:``, ``docker://`` …), not a name here."""
        from skerry.image import locations

        return name.startswith("docker://") or locations.parse(name) is not None

    @staticmethod
    def full_names(names: Sequence[str]) -> list[str]:
        """The names that an image gets by these. `Invalid` for what can be none, before a long build ends with it."""
        from skerry.errors import Invalid
        from skerry.image.reference import complete, parse

        found = []
        for name in names:
            try:
                found.append(complete(parse(name), "localhost"))
            except Invalid as error:
                raise Invalid(f"tag {name}: {error.message}") from None
        return found

    # Contexts

    def staging(self) -> Staging:
        """A folder ``.path`` to gather a context or a result in: a context manager, gone at its end, also (by the next
        command) when the builder was killed."""
        self._engine.store.db  # noqa: B018 - the root's folders exist
        return self._engine.store.staging()

    def unpack(
        self, stream: BinaryIO, folder: str, *, head: bytes = b"", advance: Callable[[int], object] | None = None
    ) -> None:
        """Unpack a stranger's tar (plain, gzip, bzip2, xz, zstd; its beginning ``head`` read already) into ``folder``
        in a `staging`. Nothing lands outside. `Corrupt`, `OutOfSpace`."""
        from skerry.engine.builds.context_files import unpack

        unpack(stream, folder, head=head, rootless=self._engine.store.rootless, advance=advance)

    def read_file(self, folder: str, path: str, limit: int) -> bytes:
        """A file of a stranger's ``folder``: links are followed as if that were the root. `NotFound`, `Invalid`."""
        from skerry.engine.builds.context_reads import read_file

        return read_file(folder, path, limit)

    def folder_in(self, folder: str, path: str) -> str:
        """The real path of a folder in a stranger's ``folder``, found in the same way."""
        from skerry.engine.builds.context_reads import folder_in

        return folder_in(folder, path)

    # What it costs

    def du(self, filters: Sequence[str] = ()) -> list[CacheRow]:
        """All that builds keep: steps' layers, cache mounts, working roots that are in use."""
        from skerry.engine.builds.usage import du

        return du(self._engine, filters)

    def prune(
        self, *, all: bool = False, filters: Sequence[str] = (), keep_bytes: int = 0, dry_run: bool = False,
        layers_only: bool = False,
    ) -> Pruned:  # fmt: skip
        """Remove steps that no image is made of, and cache mounts (``all``: also what is known of images' steps), the
        least recently used first, until ``keep_bytes`` are left. What a running build uses stays. Filters: until=,
        unused-for=, id=, type=, inuse, shared, private, description=. ``layers_only``: neither cache mounts nor what is
        known of steps that changed no file, which may be of any image."""
        from skerry.engine.builds.usage import prune

        return prune(
            self._engine, all=all, filters=filters, keep_bytes=keep_bytes, dry_run=dry_run, layers_only=layers_only
        )
