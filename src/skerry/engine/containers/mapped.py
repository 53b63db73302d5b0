"""The root file system of a container with ids of its own, without copying the image.

Layers and the container's upper folder hold the image's ids on disk. Where the kernel lets us, each is bound through an
idmapped mount and the overlay stands on those binds (which it then holds itself: they go at once). A user's commands may
not idmap the host's file system: fuse-overlayfs translates instead. Neither writes an owner anywhere, so what the
container leaves is as good for commit, diff and export as any other's, and the next run may have another map.
"""

from __future__ import annotations

import errno
import os

from skerry.engine.containers import fuse_marks
from skerry.engine.containers import state as states
from skerry.engine.containers.idmap_option import lines
from skerry.engine.containers.storage import lowers
from skerry.errors import Invalid, Unavailable
from skerry.linux import access_list, idmap
from skerry.linux.apart import made_apart
from skerry.linux.mount import MS_BIND, move_mount
from skerry.linux.mount import mount as attach
from skerry.linux.spawn import run
from skerry.store.overlay import mount_overlay

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.runtime.types import ContainerConfig, IDMap, MountConfig

REFUSED = (errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)


def needs_mapping(config: ContainerConfig) -> bool:
    """Whether the container's ids differ from those on disk."""
    return any(
        entry["containerID"] != entry["hostID"]
        for key in ("uid_maps", "gid_maps")
        for entry in config.get(key, ())  # type: ignore[attr-defined]
    )


def outside(maps: Sequence[IDMap], number: int) -> int:
    """What an id of the container is out here; itself without a map, 65534 (nobody) when it has none."""
    if not maps:
        return number
    for entry in maps:
        if entry["containerID"] <= number < entry["containerID"] + entry["size"]:
            return entry["hostID"] + number - entry["containerID"]
    return 65534


def is_mapped(maps: Sequence[IDMap], number: int) -> bool:
    """Whether an id out here is one of the container's."""
    return not maps or any(entry["hostID"] <= number < entry["hostID"] + entry["size"] for entry in maps)


def owner_outside(config: ContainerConfig, uid: int, gid: int) -> tuple[int, int]:
    """`outside` of a user and a group."""
    return outside(config.get("uid_maps", ()), uid), outside(config.get("gid_maps", ()), gid)


def make_user_namespace(engine: Engine, record: ContainerRecord) -> str:
    """The container's user namespace, bound to a file of its run folder; its path. Made before the runtime, so that the
    network namespace can belong to it."""
    path = namespace_path(engine, record["id"])
    bind_user_namespace(record["config"], path)
    return path


def bind_user_namespace(config: ContainerConfig, path: str) -> None:
    """Make a user namespace with the ids of ``config``, bound to the new file ``path``."""
    try:
        fd = idmap.user_namespace(lines(config["uid_maps"]), lines(config["gid_maps"]))
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
            attach(f"/proc/self/fd/{fd}", path, flags=MS_BIND)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EINVAL):
            raise Invalid("the container's user namespace cannot have these ids: they are not ours to give") from error
        raise Unavailable(f"cannot make a user namespace: {error.strerror}") from error


def namespace_path(engine: Engine, container_id: str) -> str:
    """Where `make_user_namespace` leaves it."""
    return states.run_folder(engine, container_id, "userns")


def mount(
    engine: Engine, record: ContainerRecord, target: str, upper: str, work: str, attributes: Sequence[str]
) -> None:
    """Mount the container's file system at ``target`` as its processes shall see it. `Unavailable` where neither the
    kernel nor fuse-overlayfs can."""
    config, below = record["config"], lowers(engine, record)
    try:
        overlay(
            engine, config, target, below, (upper, work), volatile=record["auto_remove"], attributes=attributes
        )  # fmt: skip
    except OSError as error:
        if error.errno not in REFUSED:
            raise
        fuse_marks.expect(engine, record["id"])
        by_fuse(engine, config, target, below, (upper, work), error)


def image_view(engine: Engine, record: ContainerRecord) -> str:
    """Mount what a running container has, read-only and with the image's owners; the path, in its run folder (which
    unmounts it if we die). It shows what was there when it was made."""
    fuse_marks.translate(engine, record["id"])
    path = states.run_folder(engine, record["id"], f"view-{os.urandom(4).hex()}")
    try:
        os.mkdir(path, 0o700)
        below = lowers(engine, record)
        mount_overlay(engine.store, path, [], lowers=[states.folder(engine, record["id"], "upper"), *below])
    except OSError as error:
        raise Unavailable(f"cannot look into the container: {error.strerror}") from error
    return path


def overlay(
    engine: Engine, config: ContainerConfig, target: str, below: Sequence[str], written: tuple[str, str] | None = None,
    *, volatile: bool = False, attributes: Sequence[str] = (),
) -> None:  # fmt: skip
    """Mount folders (top first), and above them the upper and work folder that are ``written`` to, at ``target`` through
    the container's ids. OSError where the kernel does not let us.

    The binds are only needed while the overlay is made: so both are made apart from the host."""
    namespace = idmap.user_namespace(lines(config["uid_maps"]), lines(config["gid_maps"]))
    # upper and work must be on one mount: their common folder is bound.
    sources = [*reversed(below), *([os.path.dirname(written[0])] if written else [])]

    def make() -> int:
        attach("binds", target, "tmpfs")
        places = [f"{target}/{number}" for number in range(len(sources))]
        for source, place in zip(sources, places, strict=True):
            os.mkdir(place)
            idmap.bind(source, place, namespace)
        os.mkdir(target + "/merged")
        idmap.become_on_files(*owner_outside(config, 0, 0))
        top = places.pop() if written else ""
        mount_overlay(
            engine.store, target + "/merged", [], lowers=list(reversed(places)), volatile=volatile,
            upper=f"{top}/{os.path.basename(written[0])}" if written else None,
            work=f"{top}/{os.path.basename(written[1])}" if written else None, attributes=attributes,
        )  # fmt: skip
        return idmap.clone_tree(target + "/merged")

    try:
        tree = made_apart(make)
        try:
            move_mount(tree, target)
        finally:
            os.close(tree)
    finally:
        os.close(namespace)


def by_fuse(
    engine: Engine, config: ContainerConfig, target: str, below: Sequence[str], written: tuple[str, str] | None,
    refused: OSError,
) -> None:  # fmt: skip
    """As `overlay`, by fuse-overlayfs: where the kernel ``refused``."""
    from skerry.config.programs import find_program

    program = find_program("fuse-overlayfs", engine.settings)
    if not program or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        missing = "fuse-overlayfs is not installed" if not program else "/dev/fuse may not be used"
        raise Unavailable(
            f"cannot give the image's files the container's ids: the kernel refuses ({refused.strerror}) and {missing}",
            hint="apt-get install fuse-overlayfs" if not program else "chmod 666 /dev/fuse",
        )
    options = [f"lowerdir={':'.join(below)}"]
    if written:
        options += [f"upperdir={written[0]}", f"workdir={written[1]}"]
    for name in ("uid", "gid"):
        maps: Sequence[IDMap] = config.get(f"{name}_maps", ())  # type: ignore[assignment]
        if maps:
            text = ":".join(f"{entry['containerID']}:{entry['hostID']}:{entry['size']}" for entry in maps)
            options.append(f"{name}mapping={text}")
    done = run([program, "-o", ",".join(options), target])
    if done.code:
        text = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise Unavailable(f"fuse-overlayfs cannot mount the container's file system: {text}")


def give(engine: Engine, record: ContainerRecord, bundle: str, mounts: Sequence[MountConfig]) -> None:
    """See `storage.give_to_container`. Folders on the way that are closed to others are opened to the container's root
    alone, by an access list (Podman: to everybody)."""
    config = record["config"]
    root = owner_outside(config, 0, 0)
    sources = [mount["source"] for mount in mounts if mount["type"] == "bind"]
    # What is mounted in there is the user's, not ours to give away.
    mounted = [source for source in sources if source.startswith(bundle + "/mounts/")]
    ours = [source for source in sources if source.startswith(bundle + "/") and source not in mounted]
    volumes = [source for source in sources if source.startswith(engine.settings.volume_path + "/")]
    try:
        for source in ours:
            os.chown(source, *root)
        for path in dict.fromkeys([f"{bundle}/rootfs", *ours, *mounted, *volumes]):
            open_way(config, path, root[0])
    except OSError as error:
        raise Unavailable(f"cannot let the container's root reach {error.filename}: {error.strerror}") from error


def open_way(config: ContainerConfig, path: str, uid: int) -> None:
    """Let ``uid`` go through the folders that ``path`` is in."""
    while path != "/":
        path = os.path.dirname(path)
        status = os.stat(path)
        if not status.st_mode & 0o001 and not _is_inside(config, status):
            access_list.let_pass(path, uid)


def _is_inside(config: ContainerConfig, status: os.stat_result) -> bool:
    """Whether the owner has ids in the container: its root has all rights on the file then."""
    return all(
        any(entry["hostID"] <= number < entry["hostID"] + entry["size"] for entry in maps)
        for maps, number in ((config["uid_maps"], status.st_uid), (config["gid_maps"], status.st_gid))
    )
