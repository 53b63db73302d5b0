"""``skerry create``: from options to a container that exists and has not run."""

from __future__ import annotations

import os

from skerry.engine.containers import records
from skerry.engine.containers import state as states
from skerry.engine.containers.options.build import build_record
from skerry.engine.containers.options.check import check
from skerry.engine.containers.options.configured import configured
from skerry.errors import Invalid, NotFound, SkerryError, Unavailable
from skerry.linux import process
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import ContainerRequest
    from skerry.engine.containers.types import ContainerRecord, ContainerState
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.runtime.types import MountConfig

_TRIES = 20
PULL_POLICIES = ("always", "missing", "never", "newer")
_PLATFORM = frozenset(("platform", "os", "arch", "variant"))


def create(engine: Engine, options: ContainerRequest) -> ContainerRecord:
    """Decide everything, make the volumes that it names, and write one row: killed anywhere, it exists or not.

    `NotFound` (image), `Conflict` (name), `Invalid` (options)."""
    options = configured(options, engine.settings)
    if options.get("authfile"):
        from skerry.image.registry.credentials import files

        files(engine.settings, options["authfile"])  # it must be there, also where nothing has to be pulled
    image = None if options.get("rootfs") else find_image(engine, options)
    if (options.get("userns") or "").startswith("auto"):
        with engine.store.lock("ids", "auto"):  # until it is recorded, so that nobody else takes the same
            return _create(engine, options, image)
    return _create(engine, options, image)


def _create(engine: Engine, options: ContainerRequest, image: ImageRecord | None) -> ContainerRecord:
    record = build_record(engine, options, image)
    check(engine, record)
    if options.get("replace"):
        _make_room(engine, options)  # only now: refused options must not cost the old container
    record_new(engine, record, _claim_cid_file(options))
    return record


def record_new(engine: Engine, record: ContainerRecord, cid_fd: int = -1) -> None:
    """Make the volumes that a record names, and write it: from here on the container exists. Its id goes to ``cid_fd``.

    `Conflict` when its name is taken; then nothing of it is left."""
    state: ContainerState = {
        "status": "created", "boot_id": process.boot_id(), "pid": 0, "exit_code": 0, "cleaned": True, "restarts": 0,
    }  # fmt: skip
    try:
        _insert_with_volumes(engine, record, state)
    except SkerryError:
        _take_back(engine, record, cid_fd)
        raise
    if cid_fd >= 0:
        os.write(cid_fd, record["id"].encode())
        os.close(cid_fd)
    if record["volumes"] and engine.settings.conf["containers"]["prepare_volume_on_create"]:
        _fill_volumes(engine, record)
    engine.events.emit_container("create", record)


def _insert_with_volumes(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    """Until the row says who uses them, a prune may take new volumes for unused: they are made again then."""
    for attempt in range(_TRIES):
        for mount in record["config"]["mounts"]:
            if mount["type"] == "volume":
                _ensure_volume(engine, mount)
        try:
            _insert(engine, record, state)
            return
        except records.VolumeGone:
            if attempt == _TRIES - 1:
                raise


def _fill_volumes(engine: Engine, record: ContainerRecord) -> None:
    """prepare_volume_on_create: what the first start would copy into new volumes."""
    from skerry.engine.containers import storage
    from skerry.engine.containers.prepare import fill_volumes
    from skerry.runtime import users

    rootfs = storage.mount_rootfs(engine, record)
    try:
        user = users.resolve(rootfs, record["config"]["user"], record["config"].get("groups", []))
        fill_volumes(engine, record, rootfs, user, storage.owner_outside(record["config"], user))
    finally:
        storage.unmount_rootfs(engine, record)


def _insert(engine: Engine, record: ContainerRecord, state: ContainerState) -> None:
    if not record.get("secrets"):
        records.insert(engine, record, state)
        return
    from skerry.engine.containers import secrets

    # Under the lock, so that a check never takes the copies for a left-over.
    with engine.store.lock("container", record["id"]) as lock:
        try:
            secrets.copy(engine, record)
            records.insert(engine, record, state)
        except BaseException:
            remove_tree(states.folder(engine, record["id"]))
            lock.release(remove=True)
            raise


def find_image(engine: Engine, options: ContainerRequest) -> ImageRecord:
    """The image that is asked for, pulled where that is needed. `NotFound`."""
    from skerry.engine.images.resolve import find, is_whole

    if not options.get("image"):
        raise Invalid("an image is required")
    name = options["image"]
    options["pull"] = options.get("pull") or engine.settings.conf["engine"]["pull_policy"]
    if options["pull"] not in PULL_POLICIES:
        raise Invalid(f'unsupported pull policy "{options["pull"]}"', hint=", ".join(PULL_POLICIES))
    if options["pull"] not in ("always", "newer") and not _PLATFORM & options.keys():
        record = find(engine, name)
        if record is None and options["pull"] == "never":
            raise NotFound(f"{name}: image not known")
        fetch = options["pull"] != "never" and record is not None and _can_be_fetched(record, name)
        if fetch and record is not None and not is_whole(engine, record):
            engine.warn(f"Image {name} exists in local storage but may be corrupted: layer not known")
            options["pull"] = "always"
        elif record is not None:
            # Podman's pull finds it here, and is noted all the same.
            engine.events.emit(
                type="image", status="pull", id=record["id"], name=record["names"][0] if record["names"] else name
            )
            return record
    from skerry.engine.images.pull_for import image_for

    return image_for(engine, options)


def _can_be_fetched(record: ImageRecord, name: str) -> bool:
    """Whether a registry may have it by this name: an id says nothing of where it came from."""
    is_id = record["id"].startswith(name.removeprefix("sha256:"))
    return not is_id and any(not known.startswith("localhost/") for known in record["names"])


def _make_room(engine: Engine, options: ContainerRequest) -> None:
    if not options.get("name"):
        raise Invalid("cannot replace container without --name being set")
    try:
        engine.containers.remove(options["name"], force=True)
    except NotFound:
        pass  # nothing to replace


def _claim_cid_file(options: ContainerRequest) -> int:
    path = options.get("cidfile")
    if not path:
        return -1
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Unavailable(f"opening cidfile {path}: {error.strerror}") from None


def _take_back(engine: Engine, record: ContainerRecord, cid_fd: int) -> None:
    """What was made for a container that could not be recorded (its name is taken)."""
    if cid_fd >= 0:
        os.close(cid_fd)
        os.unlink(record["cid_file"])
    for mount in record["config"]["mounts"]:
        if mount.get("anonymous"):
            try:
                engine.volumes.remove(mount["name"])
            except NotFound:
                continue  # it was not made yet, or a prune took it


def _ensure_volume(engine: Engine, mount: MountConfig) -> None:
    from skerry.engine.volumes.create import create as create_volume

    if mount.get("must_exist") and not engine.volumes.exists(mount["name"]):
        raise NotFound(f"volume {mount['name']} does not exist and nocreate option is set: no such volume")
    options = dict(mount.get("driver_options", {}))
    create_volume(
        engine, mount["name"], ignore=True, anonymous=mount.get("anonymous", False),
        driver=options.pop("driver", ""), options=options,
    )  # fmt: skip
