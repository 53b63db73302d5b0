"""A step with a user namespace of its own: which ids it has, and files and mounts seen through them.

As with a container the layers hold the image's ids, and what the step writes is in its layer with them as well: see
`containers.mapped`. Which ids a running step has is in its bundle, so that nobody else is given the same.
"""

from __future__ import annotations

import os

from skerry import fastjson
from skerry.engine.builds.root import translated
from skerry.engine.containers import mapped
from skerry.engine.containers.fuse_marks import translate_tree
from skerry.engine.containers.options.userns import available, user_namespace
from skerry.errors import Invalid, Unavailable
from skerry.linux import idmap, userns
from skerry.store.overlay import umount
from skerry.store.staging import remove_tree
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.builds.types import RunRequest, StepMount
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, IDMap, MountConfig


class StepIDs:
    """The user namespace of one step. ``mode`` and ``path``: as the runtime's configuration has them; ``config``: the
    part of it that says which ids there are."""

    def __init__(self, engine: Engine, request: RunRequest, layers: Sequence[str], bundle: str) -> None:
        self._engine, self._bundle = engine, bundle
        self._count = 0
        self._written: list[tuple[str, str, str]] = []
        mode = request.namespaces["user"]
        if mode.startswith("ns:"):
            self.mode, self.path = mode, mode[3:]
            uids, gids = _maps_of(self.path)
        else:
            self.mode, self.path = "private", bundle + "/userns"
            uids, gids = _chosen(engine, request, mode, layers, bundle)
        self.config: ContainerConfig = {"uid_maps": uids, "gid_maps": gids}
        if self.mode == "private":
            step("build.user-namespace")
            mapped.bind_user_namespace(self.config, self.path)

    @property
    def differ(self) -> bool:
        """Whether they are others than the image's, so that its files have to be shown through them."""
        return mapped.needs_mapping(self.config)

    def outside(self, uid: int, gid: int) -> tuple[int, int]:
        """What a user and a group of the step's are out here."""
        return mapped.owner_outside(self.config, uid, gid)

    def shown(self, mount: StepMount) -> str:
        """The source of a mount of the build's, as the step shall see it."""
        if not self.differ:
            return mount.source
        if mount.root is not None:
            mount.root.mount(ids=self)  # where it was
            return mount.source
        target = self._place(folder=os.path.isdir(mount.source))
        namespace = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            step("build.bind-mapped")
            idmap.bind_apart(mount.source, target, namespace)
        except OSError as error:
            if error.errno not in mapped.REFUSED:
                raise Unavailable(f"cannot bind {mount.source}: {error.strerror}") from error
            return self._by_fuse(mount, target, error)
        finally:
            os.close(namespace)
        return target

    def _by_fuse(self, mount: StepMount, target: str, refused: OSError) -> str:
        """A folder for which the kernel would not do it, as a user's. A file, or where there is no fuse-overlayfs, is
        bound as it is, so it is nobody's."""
        if not os.path.isdir(mount.source):
            return mount.source
        below, written = [mount.source], None
        if not mount.readonly:  # a cache mount: it is what is written to, above nothing
            below, written = [f"{self._bundle}/empty"], (mount.source, mount.source + "-work")
        try:
            for folder in (*(below if written else ()), *(written or ())[1:]):
                os.makedirs(folder, mode=0o755, exist_ok=True)
            mapped.by_fuse(self._engine, self.config, target, below, written, refused)
        except Unavailable:
            return mount.source
        except OSError as error:
            raise translated(error, "cannot prepare a step's mounts") from error
        if written:
            self._written.append((target, *written))
        return target

    def close(self) -> None:
        """Before the bundle goes: leave in cache mounts what a mount of them without `_by_fuse` understands."""
        for target, upper, work in self._written:
            umount(target)
            try:
                translate_tree(upper)
                remove_tree(work)
            except OSError as error:
                raise translated(error, "cannot read what a step left in a cache mount") from error
        self._written.clear()

    def _place(self, *, folder: bool) -> str:
        path = f"{self._bundle}/mounts/{self._count}"
        self._count += 1
        try:
            os.makedirs(os.path.dirname(path), mode=0o711, exist_ok=True)
            if folder:
                os.mkdir(path, 0o755)
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except OSError as error:
            raise translated(error, "cannot prepare a step's mounts") from error
        return path

    def let_in(self, rootfs: str, mounts: Sequence[MountConfig]) -> None:
        """Let the step's root reach its root file system and what is mounted from the bundle; files of ours are its."""
        root = self.outside(0, 0)
        sources = [mount["source"] for mount in mounts if mount["source"].startswith(self._bundle + "/")]
        try:
            for source in sources:
                if os.path.dirname(source) == self._bundle:
                    os.chown(source, *root)
            for path in (rootfs, *sources):
                mapped.open_way(self.config, path, root[0])
        except OSError as error:
            raise translated(error, "cannot let the step's root reach its files") from error


def _chosen(
    engine: Engine, request: RunRequest, mode: str, layers: Sequence[str], bundle: str
) -> tuple[list[IDMap], list[IDMap]]:
    given = {"userns": mode, **request.id_maps}
    if mode == "private" and not request.id_maps:
        return available("uid"), available("gid")
    image = {"layers": list(layers)}
    with engine.store.lock("ids", "auto"):  # until it is written, so that nobody else takes the same
        found = user_namespace(engine, {**given, "user": request.user}, image)  # type: ignore[arg-type,typeddict-item]
        assert found is not None
        try:
            with open(bundle + "/ids", "w", encoding="ascii") as file:
                file.write(fastjson.dumps({"uid": found.uids, "gid": found.gids}))
        except OSError as error:
            raise translated(error, "cannot note a step's ids") from error
    return found.uids, found.gids


def taken(engine: Engine, kind: str) -> list[IDMap]:
    """The ids (``kind``: uid or gid) that steps of any build have now."""
    found: list[IDMap] = []
    top = engine.store.run_path("builds")
    for root in _names(top):
        for step_id in _names(f"{top}/{root}"):
            try:
                with open(f"{top}/{root}/{step_id}/ids", encoding="ascii") as file:
                    found += fastjson.loads(file.read())[kind]
            except OSError:
                continue  # it has our own, or ended meanwhile
    return found


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _maps_of(path: str) -> tuple[list[IDMap], list[IDMap]]:
    """The ids of a user namespace that is there already."""
    try:
        texts = userns.maps_of(path)
    except OSError as error:
        raise Invalid(f"cannot join the user namespace {path}: {(error.strerror or '').lower()}") from error
    uids, gids = ([_row(line) for line in text.splitlines()] for text in texts)
    return uids, gids


def _row(line: str) -> IDMap:
    inside, outside, size = map(int, line.split())
    return {"containerID": inside, "hostID": outside, "size": size}
