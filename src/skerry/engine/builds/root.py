"""A working root: an overlay above a chain of layers, in a locked folder of its own, gone at the end whatever happens.

root/builds/roots/ID.lock            held while the builder lives: without it the rest is garbage (see `sweep`)
root/builds/roots/ID/{upper,work}    what was written; a layer's folder once it is committed
root/builds/roots/ID/merged          the mount
root/builds/roots/ID/stubs           places for the runtime to mount at, below all layers: so they are in no layer
runroot/builds/ID/CONTAINER/         a step's bundle: config.json, hosts, resolv.conf, secrets (a tmpfs)
"""

from __future__ import annotations

import os

from skerry.engine.builds import sweep
from skerry.errors import NotFound, OutOfSpace, Unavailable
from skerry.store.layers import get_layer, layer_dir
from skerry.store.overlay import mount_overlay, umount
from skerry.store.pins import pin
from skerry.store.staging import Staging
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from skerry.engine.builds.step_ids import StepIDs
    from skerry.engine.builds.types import RunRequest
    from skerry.engine.engine import Engine
    from skerry.store.early_sync import EarlySync
    from skerry.store.types import LayerRecord


class WorkingRoot:
    """See `Builds.open_root`. One thread's."""

    def __init__(self, engine: Engine, layers: Sequence[str], *, writable: bool = True) -> None:
        self.engine = engine
        self.layers = list(layers)
        self._writable = writable
        self._staging: Staging | None = None
        self._mounted: tuple[str, ...] | None = None  # with which folders of stubs
        self._fuse = False  # fuse-overlayfs wrote into the upper folder

    def __enter__(self) -> WorkingRoot:
        store = self.engine.store
        for chain_id in self.layers[-1:]:
            pin(store, [chain_id])
            if get_layer(store, chain_id) is None:
                raise NotFound(f"layer {chain_id} does not exist")
        step("build.root")
        self._staging = Staging(sweep.roots_folder(self.engine))
        try:
            self._make_folders()
        except BaseException:
            self._close()
            raise
        return self

    def _make_folders(self) -> None:
        try:
            os.chmod(self.folder, 0o711)  # a step's user namespace may have to reach it
            for name in ("work", "merged"):
                os.mkdir(f"{self.folder}/{name}", 0o755)
            os.mkdir(self.upper, 0o755)
            os.chmod(self.upper, 0o755)  # whatever our umask is
            if self.layers:
                # The upper folder's owner and mode are those of / in the tree.
                status = os.stat(layer_dir(self.engine.store, self.layers[-1]))
                os.chown(self.upper, status.st_uid, status.st_gid)
                os.chmod(self.upper, status.st_mode & 0o7777)
        except OSError as error:
            raise translated(error, "cannot prepare a working root") from error

    @property
    def folder(self) -> str:
        """The locked folder that all of it is in."""
        assert self._staging is not None, "the working root is not open"
        return self._staging.path

    @property
    def id(self) -> str:
        """Its name among those of other builders."""
        return os.path.basename(self.folder)

    @property
    def upper(self) -> str:
        """The folder of what was written, whiteouts in overlayfs's form. Complete only while not mounted: `unmount`."""
        return self.folder + "/upper"

    @property
    def run_folder(self) -> str:
        """Where its steps' bundles are."""
        return self.engine.store.run_path("builds", self.id)

    @property
    def path(self) -> str:
        """The merged tree, mounted when it is first asked for."""
        if self._mounted != ():
            self.mount()
        return self.folder + "/merged"

    def mount(self, stubs: Sequence[str] = (), ids: StepIDs | None = None) -> str:
        """Mount the tree (again) with the folders ``stubs`` below all layers, seen through ``ids``; where."""
        target, store = self.folder + "/merged", self.engine.store
        self.unmount()
        lowers = [layer_dir(store, chain_id) for chain_id in reversed(self.layers)]
        step("build.mount")
        if ids is not None and ids.differ:
            self._mount_mapped(ids, [*lowers, *stubs])
        elif self._writable:
            mount_overlay(
                store, target, self.layers, upper=self.upper, work=self.folder + "/work", volatile=True,
                lowers=[*lowers, *stubs],
            )  # fmt: skip
        else:
            mount_overlay(store, target, self.layers, lowers=[*lowers, *stubs])
        # What is seen through other ids is mounted anew before anybody else looks.
        self._mounted = tuple(stubs) if ids is None else (*stubs, "ids")
        return target

    def _mount_mapped(self, ids: StepIDs, lowers: list[str]) -> None:
        from skerry.engine.containers import mapped

        target, engine = self.folder + "/merged", self.engine
        written = (self.upper, self.folder + "/work") if self._writable else None
        try:
            try:
                mapped.overlay(engine, ids.config, target, lowers, written, volatile=True)
            except OSError as error:
                if error.errno not in mapped.REFUSED:
                    raise
                self._fuse = True
                mapped.by_fuse(engine, ids.config, target, lowers, written, error)
        except OSError as error:
            raise translated(error, "cannot mount a working root") from error

    def unmount(self) -> None:
        """Unmount the tree; `path` mounts it again. Idempotent."""
        if self._mounted is not None:
            step("build.unmount")
            umount(self.folder + "/merged")
            self._mounted = None
            if self._fuse:
                from skerry.engine.containers.fuse_marks import translate_tree

                self._fuse = False
                try:
                    translate_tree(self.upper)
                except OSError as error:
                    raise translated(error, "cannot read what a step changed") from error

    def written_early(self) -> EarlySync:
        """A context manager for what writes much, up to `commit`: the disk works meanwhile, and the commit's wait for it
        is short."""
        from skerry.store.early_sync import EarlySync

        return EarlySync(self.folder)

    def run(self, request: RunRequest) -> int:
        """Run a program in it to its end: its exit code, 128 + the signal that killed it.

        Everything that it started is killed then. `CommandNotFound`, `CommandNotRunnable`, `NotFound` (user, network),
        `Interrupted` when ``request.cancelled`` said so: within a second nothing is left of it."""
        from skerry.engine.builds.run import run

        return run(self, request)

    def commit(self, *, clamp_ns: int | None = None, mtime_ns: int | None = None) -> LayerRecord | None:
        """Make what was written a layer above ``layers``, without copying; None when nothing was. ``clamp_ns``: no file
        is newer; ``mtime_ns``: all files have this time. The root goes on above the new layer."""
        from skerry.engine.builds.commit import commit

        layer = commit(self, clamp_ns=clamp_ns, mtime_ns=mtime_ns)
        if layer is not None:
            self.layers.append(layer["chain_id"])
        return layer

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._staging is None:
            return
        try:
            self.unmount()
            sweep.remove_run_folder(self.run_folder)
            self._staging.__exit__(None, None, None)
        except OSError as error:
            raise translated(error, "cannot remove a working root") from error
        finally:
            self._staging = None


def translated(error: OSError, what: str) -> OutOfSpace | Unavailable:
    """``error`` as one of ours."""
    kind = OutOfSpace if error.errno in (28, 122) else Unavailable
    where = f": {error.filename}" if error.filename else ""
    return kind(f"{what}: {os.strerror(error.errno or 0)}{where}")


__all__ = ["WorkingRoot"]
