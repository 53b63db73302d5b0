"""``image mount`` and ``image unmount``: an image's tree on the host, read-only, at runroot/image-mounts/ID.

What containers have mounted of images (``--mount type=image``) counts as mounted, too, as in Podman: it can be taken
away from the host while the container keeps it.
"""

from __future__ import annotations

import os

from skerry.engine.images.resolve import resolve
from skerry.errors import Unavailable
from skerry.linux.mount import MNT_DETACH, UMOUNT_NOFOLLOW, umount
from skerry.store.overlay import mount_overlay
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord


def mount_path(engine: Engine, image_id: str) -> str:
    """Where an image is shown."""
    return engine.store.run_path("image-mounts", image_id)


def mount(engine: Engine, name: str) -> str:
    """See `Images.mount`. Idempotent."""
    record = resolve(engine, name)
    with engine.store.lock("image", record["id"]):
        record = resolve(engine, record["id"])  # not removed meanwhile
        path = mount_path(engine, record["id"])
        if os.path.ismount(path):
            return path
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"cannot mount image {name}: {error.strerror}") from error
        step("image.mount")
        mount_overlay(engine.store, path, record["layers"])
    engine.events.emit(type="image", status="mount", id=record["id"], name=name)
    return path


def unmount(engine: Engine, name: str, *, force: bool = False) -> str:
    """See `Images.unmount`."""
    record = resolve(engine, name)
    with engine.store.lock("image", record["id"], fleeting=True):
        was = take_down(engine, record["id"], force=force)
        for path in _of_containers(engine).get(record["id"], ()):
            umount(path, MNT_DETACH | UMOUNT_NOFOLLOW)
            was = True
    if was:
        engine.events.emit(type="image", status="unmount", id=record["id"], name=name)
    return record["id"] if was else ""


def take_down(engine: Engine, image_id: str, *, force: bool = False) -> bool:
    """Unmount an image (whose lock is held); whether it was mounted. `Unavailable` while files in it are open, unless
    ``force``."""
    path = mount_path(engine, image_id)
    if not os.path.lexists(path):
        return False
    was = os.path.ismount(path)
    try:
        step("image.unmount")
        if was:
            umount(path, MNT_DETACH | UMOUNT_NOFOLLOW if force else UMOUNT_NOFOLLOW)
            step("image.unmounted")
        os.rmdir(path)
    except OSError as error:
        raise Unavailable(f"cannot unmount image {image_id}: {error.strerror}", hint="--force") from error
    return was


def mounted(engine: Engine) -> list[tuple[ImageRecord, str]]:
    """The images that are mounted, and where."""
    from skerry.engine.images.listing import select

    found: list[tuple[ImageRecord, str]] = []
    containers = _of_containers(engine)
    for image in select(engine):
        path = mount_path(engine, image["id"])
        if os.path.ismount(path):
            found.append((image, path))
        elif image["id"] in containers:
            found.append((image, containers[image["id"]][0]))
    return found


def _of_containers(engine: Engine) -> dict[str, list[str]]:
    """Where images are mounted on the host for containers, by the images' ids."""
    from skerry.engine.containers.state import run_folder

    found: dict[str, list[str]] = {}
    for image_id, user in engine.store.db.query("SELECT image, user FROM image_users"):
        folder = run_folder(engine, user, "mounts")  # a volume has none
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        paths = [f"{folder}/{name}" for name in sorted(names) if name.endswith(f"-{image_id}")]
        found.setdefault(image_id, []).extend(path for path in paths if os.path.ismount(path))
    return {image_id: paths for image_id, paths in found.items() if paths}
