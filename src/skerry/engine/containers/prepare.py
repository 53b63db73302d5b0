"""What a container's mounts are made of when it starts: volumes are mounted and filled, images and overlays mounted,
parts of volumes and images opened beneath them, owners changed.

What has to be mounted here for the runtime to bind is at BUNDLE/mounts/N (N-ID for an image) and goes with the run folder; what an overlay
takes up is in the container's folder until it ends.
"""

from __future__ import annotations

import os
import stat
import time

from skerry.engine.containers import state as states
from skerry.engine.containers.storage import translated
from skerry.errors import Denied, NotFound, SkerryError, Unavailable
from skerry.linux.beneath import open_in_root
from skerry.store.staging import remove_tree
from skerry.store.steps import step

_MAX_LINKS = 40  # as the kernel
_WHAT = "cannot prepare the container's mounts"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.linux.idmap import FilesMadeAs
    from skerry.runtime.types import MountConfig
    from skerry.runtime.users import ResolvedUser


def prepared(
    engine: Engine, record: ContainerRecord, rootfs: str, user: ResolvedUser, owner: ResolvedUser
) -> list[MountConfig]:
    """The mounts as the runtime is to make them. ``user``: who the process is in the container, ``owner`` out here."""
    mounts = record["config"]["mounts"]
    preparation = _Preparation(engine, record, rootfs, user, owner)
    return [ready for mount in mounts if (ready := preparation.one(mount)) is not None]


def give_back(engine: Engine, record: ContainerRecord) -> None:
    """Undo what outlives the run folder: overlays' files, and the hold on volumes. Idempotent."""
    overlays = states.folder(engine, record["id"], "overlays")
    if os.path.lexists(overlays):
        step("container.overlays-remove")
        remove_tree(overlays)
    held = engine.store.run_path("volumes")
    for name in record["volumes"]:
        if os.path.exists(f"{held}/{name}/{record['id']}"):
            from skerry.engine.volumes.mounting import release

            try:
                release(engine, name, record["id"])
            except SkerryError as error:  # a plugin that went away must not keep the container
                engine.warn(f"volume {name} stays mounted: {error.message}")


def fill_volumes(engine: Engine, record: ContainerRecord, rootfs: str, user: ResolvedUser, owner: ResolvedUser) -> None:
    """What a first start would copy into new volumes, without a start."""
    preparation = _Preparation(engine, record, rootfs, user, owner)
    try:
        for mount in record["config"]["mounts"]:
            if mount["type"] == "volume":
                preparation.volume(mount)
    finally:
        give_back(engine, record)


class _Preparation:
    def __init__(
        self, engine: Engine, record: ContainerRecord, rootfs: str, user: ResolvedUser, owner: ResolvedUser
    ) -> None:
        self._engine, self._record, self._rootfs, self._user, self._owner = engine, record, rootfs, user, owner
        self._count = 0

    def one(self, mount: MountConfig) -> MountConfig | None:
        """One mount; None for a link that is put into the root file system instead of being followed."""
        _check_way(self._rootfs, mount["destination"])
        words = mount["options"]
        ready: MountConfig = {**mount}
        if mount["type"] == "tmpfs" and "U" in words:
            owner = [f"uid={self._user['uid']}", f"gid={self._user['gid']}"]
            ready["options"] = [word for word in words if word != "U"] + owner
        if mount["type"] not in ("bind", "volume", "image"):
            return ready
        ready["type"] = "bind"
        ready["source"] = self._source(mount)
        if "no-dereference" in words and os.path.islink(ready["source"]):
            self._copy_link(ready["source"], mount["destination"])
            return None
        mapped = _idmap(words) if mount["type"] == "bind" else ""
        if "O" in words:
            # The kernel maps what an overlay stands on, not the overlay.
            below = self._idmapped(ready["source"], mapped) if mapped else ready["source"]
            ready["source"], mapped = self._overlay(below, words), ""
        if "U" in words:
            from skerry.engine.containers.ownership import give

            give(ready["source"], self._owner)
        if {"z", "Z"} & set(words):
            from skerry.engine.containers.ownership import relabel

            relabel(self._record["config"], ready["source"], shared="z" in words)
        if mapped:
            ready["source"] = self._idmapped(ready["source"], mapped)
        return ready

    def _source(self, mount: MountConfig) -> str:
        if mount["type"] == "image":
            source = self._image(mount)
        elif mount["type"] == "volume":
            source = self.volume(mount)
        else:
            return mount["source"]
        return self._part(source, mount["subpath"]) if mount.get("subpath") else source

    def volume(self, mount: MountConfig) -> str:
        """Where a volume is, mounted and filled."""
        from skerry.engine.volumes.find import get

        volume = get(self._engine, mount["name"])
        if volume is None:
            raise NotFound(f'no volume with name "{mount["name"]}" found: no such volume')
        path = volume["mountpoint"]
        if volume["options"] or volume["driver"] != "local":
            from skerry.engine.volumes.mounting import acquire

            try:
                path = acquire(self._engine, mount["name"], self._record["id"])
            except Unavailable as error:
                error.message = f"mounting volume {mount['name']} for container {self._record['id']}: {error.message}"
                raise
        if _idmap(mount["options"]):
            path = self._idmapped(path, _idmap(mount["options"]))
        if volume["needs_copy_up"]:
            from skerry.engine.volumes.copy_up import fill

            copy = mount.get("copy_up", False) and not mount.get("subpath")
            with self._making_files(mount["options"]):
                fill(self._engine, volume, path, self._rootfs, mount["destination"], self._owner, copy=copy)
        return path

    def _making_files(self, words: list[str]) -> FilesMadeAs | _AsWeAre:
        """On an idmapped mount nobody makes files who has no id there."""
        if not _idmap(words):
            return _AsWeAre()
        from skerry.engine.containers.idmap_option import first_ids
        from skerry.linux.idmap import FilesMadeAs

        ids = first_ids(self._record["config"], _idmap(words))
        return FilesMadeAs(*ids) if ids else _AsWeAre()

    def _image(self, mount: MountConfig) -> str:
        from skerry.store.layers import layer_dir
        from skerry.store.overlay import mount_overlay

        target = self._place(folder=True, name=mount["image_id"])
        store = self._engine.store
        layers = [layer_dir(store, chain_id) for chain_id in reversed(mount["layers"])]
        written = self._written(like=layers[0] if layers else "") if "rw" in mount["options"] else None
        step("container.mount-image")
        if not self._mount_with_ids(target, layers, written):
            upper, work = written or (None, None)
            mount_overlay(store, target, [], lowers=layers, upper=upper, work=work)
        return target

    def _mount_with_ids(self, target: str, layers: list[str], written: tuple[str, str] | None) -> bool:
        """Where the container has ids of its own, the image's files are its, too: as far as the kernel lets us."""
        config = self._record["config"]
        if not config.get("uid_maps") or not layers:
            return False
        from skerry.engine.containers import mapped

        if not mapped.needs_mapping(config):
            return False
        try:
            mapped.overlay(self._engine, config, target, layers, written)
        except OSError:
            return False  # a user's commands may not: the files are nobody's, and can be read
        return True

    def _part(self, top: str, subpath: str) -> str:
        """A folder or file below ``top``, wherever links in there lead, but never out of it: what is opened is what is
        bound, whoever changes the way to it meanwhile."""
        try:
            fd = open_in_root(top, subpath, os.O_PATH)
        except OSError as error:
            kind = NotFound if isinstance(error, (FileNotFoundError, NotADirectoryError)) else Unavailable
            raise kind(f"subpath {subpath}: {(error.strerror or '').lower()}: {top}", exit_code=127) from None
        try:
            return self._bound(f"/proc/self/fd/{fd}", folder=stat.S_ISDIR(os.fstat(fd).st_mode))
        finally:
            os.close(fd)

    def _idmapped(self, source: str, word: str) -> str:
        from skerry.engine.containers.idmap_option import namespace

        fd = namespace(self._record["config"], word)
        if fd < 0:
            return source  # its ids are those of the host
        try:
            return self._bound(source, folder=os.path.isdir(source), namespace=fd)
        finally:
            os.close(fd)

    def _bound(self, source: str, *, folder: bool, namespace: int = -1) -> str:
        from skerry.linux.idmap import bind_apart

        target = self._place(folder=folder)
        step("container.bind-part")
        try:
            bind_apart(source, target, namespace)
        except OSError as error:
            if namespace >= 0:
                rootless = self._engine.settings.rootless
                why = "only root may do it" if rootless else "its file system cannot"
                raise Unavailable(
                    f"idmap: {source} cannot be mounted with other ids: {why} ({error.strerror})"
                ) from error
            raise Unavailable(f"cannot bind {source}: {error.strerror}") from error
        return target

    def _overlay(self, source: str, words: list[str]) -> str:
        from skerry.store.overlay import mount_overlay

        given = dict(word.partition("=")[::2] for word in words)
        upper, work = given.get("upperdir", ""), given.get("workdir", "")
        if not upper:
            upper, work = self._written(like=source)
            self._open_up(upper)
        target = self._place(folder=True)
        step("container.mount-overlay")
        try:
            mount_overlay(
                self._engine.store,
                target,
                [],
                lowers=[source],
                upper=os.path.abspath(upper),
                work=os.path.abspath(work),
            )
        except SkerryError as error:
            raise Unavailable(f'mounting overlay failed "{source}": {error.message.rpartition(": ")[2]}') from error
        return target

    def _open_up(self, upper: str) -> None:
        """Where the folder below belongs to nobody that the container knows, what is written over it is the container's
        root's: else it could not write there at all. Not where that would show it what it could not read."""
        from skerry.engine.containers.mapped import is_mapped, owner_outside

        config = self._record["config"]
        status = os.stat(upper)
        if is_mapped(config.get("uid_maps", ()), status.st_uid) or status.st_mode & 0o5 != 0o5:
            return
        try:
            os.chown(upper, *owner_outside(config, 0, 0))
        except OSError as error:
            raise translated(error, _WHAT) from error

    def _written(self, *, like: str) -> tuple[str, str]:
        """Folders for what is written over a lower tree, whose top they look like."""
        top = states.folder(self._engine, self._record["id"], "overlays", str(self._count))
        upper, work = f"{top}/upper", f"{top}/work"
        try:
            for path in (upper, work):
                os.makedirs(path, mode=0o755, exist_ok=True)
            if like:
                status = os.stat(like)
                os.chown(upper, status.st_uid, status.st_gid)
                os.chmod(upper, stat.S_IMODE(status.st_mode))
        except OSError as error:
            raise translated(error, _WHAT) from error
        return upper, work

    def _place(self, *, folder: bool, name: str = "") -> str:
        """A new mount point; ``name``: of the image, by which ``image mount`` finds it."""
        top = states.run_folder(self._engine, self._record["id"], "mounts")
        path = f"{top}/{self._count}-{name}" if name else f"{top}/{self._count}"
        self._count += 1
        try:
            os.makedirs(top, mode=0o711, exist_ok=True)
            if folder:
                os.mkdir(path, 0o755)
            else:
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))
        except OSError as error:
            raise translated(error, _WHAT) from error
        return path

    def _copy_link(self, source: str, destination: str) -> None:
        from skerry.engine.builds.place import Metadata, Placer

        how = Metadata(0o755, 0, 0, time.time_ns())
        with Placer(self._rootfs, new_folders=how) as placer:
            placer.link(destination, os.readlink(source), how)


class _AsWeAre:
    def __enter__(self) -> None:
        """Nothing to change."""

    def __exit__(self, *_: object) -> None:
        """Nothing to change back."""


def _idmap(words: Sequence[str]) -> str:
    return next((word for word in words if word.partition("=")[0] == "idmap"), "")


def _check_way(rootfs: str, destination: str) -> None:
    """`Denied` where a link of the image leads a mount over the kernel's /proc (as CVE-2019-19921), which is not there
    yet: so links are read, not followed."""
    if destination == "/proc" or destination.startswith("/proc/"):
        return  # as it was asked for
    real, parts, links = "", destination.split("/"), 0
    while parts and links < _MAX_LINKS:
        part = parts.pop(0)
        if part in ("", ".", ".."):
            real = real.rpartition("/")[0] if part == ".." else real
            continue
        try:
            target = os.readlink(f"{rootfs}{real}/{part}")
        except OSError:
            real = f"{real}/{part}"
        else:
            links += 1
            parts = [*target.split("/"), *parts]
            real = "" if target.startswith("/") else real
        if real == "/proc":
            raise Denied(f"{destination} leads to /proc in the container: nothing is mounted there through a link")
