"""All mounts of a container: ``-v``, ``--mount``, ``--tmpfs``, containers.conf, ``--volumes-from``, the image's VOLUMEs."""

from __future__ import annotations

from skerry.errors import Denied, Invalid, NotFound, SkerryError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

_OF_IMAGE = ["rprivate", "rw", "nodev", "exec"]


def mounts(engine: Engine, options: CreateOptions, image_volumes: list[str]) -> list[MountConfig]:
    """Each by its destination: a flag wins over containers.conf, that over --volumes-from, that over the image."""
    found = _flags(engine, options)
    conf = engine.settings.conf["containers"]
    for item in conf["mounts"]:
        for mount in _configured(engine, item):
            found.setdefault(mount["destination"], mount)
    for mount in _volume_flags(conf["volumes"]):
        found.setdefault(mount["destination"], mount)
    inherited: dict[str, MountConfig] = {}
    for item in options.get("volumes_from", ()):
        inherited.update((mount["destination"], mount) for mount in _from_container(engine, item))
    for mount in [*inherited.values(), *_of_image(engine, options, image_volumes)]:
        found.setdefault(mount["destination"], mount)
    return list(found.values())


def _configured(engine: Engine, item: str) -> list[MountConfig]:
    try:
        return _mount_flag(engine, item)
    except SkerryError as error:
        error.message = f"parsing containers.conf mounts: {error.message}"
        raise


def _flags(engine: Engine, options: CreateOptions) -> dict[str, MountConfig]:
    found: dict[str, MountConfig] = {}
    for item in options.get("mount", ()):
        for mount in _mount_flag(engine, item):
            if mount["destination"] in found:
                raise _duplicate(mount)
            found[mount["destination"]] = mount
    rootless = engine.settings.rootless
    for mount in [
        *_volume_flags(options.get("volume", ())),
        *_tmpfs_flags(options.get("tmpfs", ()), rootless=rootless),
    ]:
        other = found.setdefault(mount["destination"], mount)
        if other is not mount and not _same(mount, other):
            raise _duplicate(mount)
    return found


def _mount_flag(engine: Engine, item: str) -> list[MountConfig]:
    from skerry.engine.containers.options.mount_flag import parse_mount

    return parse_mount(item, engine)


def _volume_flags(items: Sequence[str]) -> list[MountConfig]:
    if not items:
        return []
    from skerry.engine.containers.options.volume_flag import parse_volume

    return [parse_volume(item) for item in items]


def _tmpfs_flags(items: Sequence[str], *, rootless: bool) -> list[MountConfig]:
    if not items:
        return []
    from skerry.engine.containers.options.volume_flag import parse_tmpfs

    return [parse_tmpfs(item, rootless=rootless) for item in items]


def _same(one: MountConfig, other: MountConfig) -> bool:
    """Whether it may be given twice."""
    if one["type"] != other["type"] or one.get("anonymous") or other.get("anonymous"):
        return False
    if one["type"] == "volume":
        return one["name"] == other["name"]
    return one["source"] == other["source"] and one["options"] == other["options"]


def _duplicate(mount: MountConfig) -> Invalid:
    return Invalid(f"{mount['destination']}: duplicate mount destination")


def _of_image(engine: Engine, options: CreateOptions, destinations: list[str]) -> list[MountConfig]:
    mode = (options.get("image_volume") or engine.settings.conf["engine"]["image_volume_mode"] or "anonymous").lower()
    if mode not in ("anonymous", "bind", "tmpfs", "ignore"):
        raise Invalid(f'invalid image volume mode "{mode}" required value: anonymous, tmpfs, ignore')
    if mode == "ignore" or not destinations:
        return []
    from skerry.engine.containers.options.volume_flag import anonymous, clean, tmpfs

    make = tmpfs if mode == "tmpfs" else anonymous
    places = [clean(f"/{place}") for place in destinations]
    for place in places:
        # That is where runtimes write a process's labels, and what they mask.
        if place == "/proc" or place.startswith("/proc/"):
            hint = "--image-volume=ignore"
            raise Denied(f"the image has a VOLUME at {place}, in the kernel's file system", hint=hint)
    return [make(place, list(_OF_IMAGE)) for place in places]


def _from_container(engine: Engine, item: str) -> list[MountConfig]:
    from skerry.engine.containers.state import find

    name, colon, rest = item.partition(":")
    words = rest.split(",") if colon else []
    for word in words:
        if word not in ("ro", "rw", "z"):
            raise Invalid(
                f'invalid option "{word}" specified - volumes from another container can only use z,ro,rw options'
            )
    if len([word for word in words if word != "z"]) > 1:
        raise Invalid("cannot set ro or rw options more than once")
    if words.count("z") > 1:
        raise Invalid("cannot set :z more than once in mount options")
    try:
        record, _state = find(engine, name)
    except NotFound as error:
        raise NotFound(f'looking up container "{name}" for volumes-from: {error.message}') from None
    return [
        _inherited(mount, words) for mount in record["config"].get("mounts", ()) if mount["type"] in ("bind", "volume")
    ]


def _inherited(mount: MountConfig, words: list[str]) -> MountConfig:
    copy: MountConfig = {**mount, "copy_up": False, "anonymous": False}
    if words:
        from skerry.engine.containers.options.mount_words import completed

        # Podman takes the words in the place of all others; an overlay's must stay one, or what is below is written.
        kept = [
            word
            for word in mount["options"]
            if word in ("O", "bind") or word.startswith(("upperdir=", "workdir=", "idmap"))
        ]
        copy["options"] = completed([*words, *kept], kind=mount["type"], source=mount.get("source", ""))
    return copy
