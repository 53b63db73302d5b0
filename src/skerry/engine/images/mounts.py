"""``image mount`` and ``image unmount``: an image's tree on the host, read-only, at runroot/image-mounts/ID."""

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

    return [(image, path) for image in select(engine) if os.path.ismount(path := mount_path(engine, image["id"]))]
