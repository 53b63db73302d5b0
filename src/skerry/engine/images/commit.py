"""``skerry commit``: a container's changes as an image's new layer, its settings as the image's config."""

from __future__ import annotations

import os
import stat

from skerry import fastjson
from skerry.engine.containers import fuse_marks
from skerry.engine.containers import state as states
from skerry.engine.containers.mounts import Mounted
from skerry.engine.images.add import drop_layers
from skerry.engine.images.changes import apply_changes, set_env
from skerry.engine.images.new import check_format, now_text, store_image
from skerry.engine.images.resolve import resolve
from skerry.errors import Conflict, Invalid, NotFound
from skerry.image.reference import normalise
from skerry.store.blobs import read_blob
from skerry.store.layer_snapshot import add_snapshot
from skerry.store.layers import get_layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from skerry.engine.containers.types import ContainerRecord
    from skerry.engine.engine import Engine
    from skerry.engine.images.types import ImageRecord
    from skerry.store.types import LayerRecord

# Where the runtime mounts files: it makes empty ones in the container's tree, which are nobody's change.
_MOUNT_POINTS = {
    b"etc/hosts", b"etc/hostname", b"etc/resolv.conf", b"run/.containerenv", b"run/secrets", b"run/notify",
}  # fmt: skip


class Commit:
    """What the image shall be beside what the container says. ``config``: keys of an image config, set last. ``tell`` is
    given a line for each part."""

    __slots__ = ("author", "changes", "config", "format", "include_volumes", "message", "pause", "squash", "tell")

    def __init__(
        self, *, author: str = "", message: str = "", changes: Sequence[str] = (), config: dict[str, Any] | None = None,
        format: str = "oci", pause: bool = False, squash: bool = False, include_volumes: bool = False,
        tell: Callable[[str], None] = lambda _line: None,
    ) -> None:  # fmt: skip
        self.author = author
        self.message = message
        self.changes = changes
        self.config = config or {}
        self.format = format
        self.pause = pause
        self.squash = squash
        self.include_volumes = include_volumes
        self.tell = tell


def commit(engine: Engine, container: str, name: str, options: Commit) -> ImageRecord:
    """See `Images.commit`. Killed anywhere: the image is whole, or its layer is swept."""
    check_format(options.format)
    if options.message and options.format != "docker":
        raise Invalid("messages are only compatible with the docker image format (-f docker)")
    record, state = engine.containers.find(container)
    if {"rootfs", "rootfs_lower"} & record["config"].keys():
        raise Invalid(f"container {record['id']} was made from a folder (--rootfs), not from an image")
    names = [normalise(name)] if name else []
    base = _base(engine, record)
    document = _document(base, record, options)
    try:
        apply_changes(document["config"], options.changes, in_build=True)
    except Invalid as error:
        raise Invalid(
            f'copying layers and metadata for container "{record["id"]}": initializing source '
            f"containers-storage:{record['name']}: applying changes: {error}"
        ) from None
    document["config"].update(options.config)
    paused = options.pause and state["status"] == "running"
    if paused:
        engine.containers.pause(record["id"])
    try:
        image = _image(engine, record, document, names, options)
    finally:
        if paused:
            engine.containers.unpause(record["id"])
    engine.events.emit_container("commit", record)
    return image


def _image(
    engine: Engine, record: ContainerRecord, document: dict[str, Any], names: Sequence[str], options: Commit
) -> ImageRecord:
    options.tell("Getting image source signatures")
    for attempt in range(5):
        layers = _layers(engine, record, squash=options.squash)
        try:
            image = store_image(engine, document, layers, names, options.format)
        except BaseException as error:
            drop_layers(engine, [layer["chain_id"] for layer in layers])
            # A command that removed another image with the same new layer took it before this image's row stood.
            if not isinstance(error, Conflict) or attempt == 4:
                raise
            continue
        for layer in layers:
            options.tell(f"Copying blob {layer['diff_id']}")
        options.tell(f"Copying config sha256:{image['id']}")
        options.tell("Writing manifest to image destination")
        return image
    raise AssertionError


def _layers(engine: Engine, record: ContainerRecord, *, squash: bool) -> list[LayerRecord]:
    store = engine.store
    if squash:
        with Mounted(engine, record) as root:
            return [add_snapshot(store, None, root, skip=not_a_change)]
    below = [layer for chain_id in record["layers"] if (layer := get_layer(store, chain_id))]
    if len(below) != len(record["layers"]):
        raise NotFound(f"a layer of container {record['id']} is gone", hint="skerry system check --repair")
    fuse_marks.translate(engine, record["id"])
    upper = states.folder(engine, record["id"], "upper")
    parent = record["layers"][-1] if record["layers"] else None
    if os.path.isdir(upper):
        return [*below, add_snapshot(store, parent, upper, skip=not_a_change)]
    with store.staging() as staging:  # it never started
        os.mkdir(staging.path + "/empty")
        return [*below, add_snapshot(store, parent, staging.path + "/empty")]


def not_a_change(path: bytes, status: os.stat_result) -> bool:
    """Whether it is an empty file that only the runtime made, to mount something there."""
    return path in _MOUNT_POINTS and not status.st_size and stat.S_ISREG(status.st_mode)


def _base(engine: Engine, record: ContainerRecord) -> dict[str, Any]:
    """The config document of the container's image; of none when it is gone."""
    try:
        image = resolve(engine, record["image_id"])
        document = fastjson.loads(read_blob(engine.store, "sha256:" + image["id"]))
    except NotFound:
        return {"architecture": "", "os": "linux"}
    return document if isinstance(document, dict) else {}


def _document(base: dict[str, Any], record: ContainerRecord, options: Commit) -> dict[str, Any]:
    created = now_text()
    entry: dict[str, Any] = {"created": created, "created_by": "/bin/sh"}  # what ran is in Cmd
    if options.author:
        entry["author"] = options.author
    entry["comment"] = options.message or f"FROM {record['image']}"
    history = [] if options.squash else list(base.get("history") or ())
    return {
        "created": created,
        **({"author": options.author} if options.author else {}),
        **({"comment": options.message} if options.message else {}),
        **{key: base[key] for key in ("architecture", "variant", "os", "os.version", "os.features") if key in base},
        "config": _config(dict(base.get("config") or {}), record, include_volumes=options.include_volumes),
        "history": [*history, entry],
    }


def _config(config: dict[str, Any], record: ContainerRecord, *, include_volumes: bool) -> dict[str, Any]:
    """The image's config with what the container was created with. As Podman has it."""
    settings = record["config"]
    for item in settings["env"]:
        key, _, value = item.partition("=")
        set_env(config, key, value)
    ports = {f"{port['container_port'] + offset}/{protocol}"
             for port in record.get("ports") or () for offset in range(port["range"] or 1)
             for protocol in port["protocol"].split(",")}  # fmt: skip
    ports.update(record.get("exposed") or ())
    if ports:
        config["ExposedPorts"] = {**(config.get("ExposedPorts") or {}), **{port: {} for port in sorted(ports)}}
    if labels := settings.get("labels"):
        config["Labels"] = {**(config.get("Labels") or {}), **labels}
    if settings["user"]:
        config["User"] = settings["user"]
    volumes = [
        mount["destination"] for mount in settings["mounts"]
        if (mount["type"] == "volume" and mount.get("anonymous")) or (include_volumes and mount["type"] in ("volume", "bind"))
    ]  # fmt: skip
    if volumes:
        config["Volumes"] = {**(config.get("Volumes") or {}), **{path: {} for path in sorted(volumes)}}
    config["WorkingDir"] = settings["cwd"]
    for key, words in (("Entrypoint", record["entrypoint"]), ("Cmd", record["command"])):
        config.pop(key, None)
        if words:
            config[key] = list(words)
    return config
