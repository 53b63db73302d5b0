"""Volumes, bind mounts and tmpfs: ``-v``, ``--mount``, ``--tmpfs``, ``--volumes-from`` and the image's VOLUMEs.

Sources are checked here in Podman's words; they are opened again, safely, when the container starts.
"""

from __future__ import annotations

import os

from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.options.types import CreateOptions
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

_PROPAGATION = ("private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable")
_WORDS = frozenset(
    ("ro", "rw", "nosuid", "suid", "nodev", "dev", "noexec", "exec", "bind", "rbind", "nobind", "U", "z", "Z", "copy",
     "nocopy", *_PROPAGATION)
)  # fmt: skip
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")


def mounts(engine: Engine, options: CreateOptions, image_volumes: list[str]) -> list[MountConfig]:
    """All mounts that the user or the image asks for, by destination; a flag wins over the image."""
    found: dict[str, MountConfig] = {}
    given: list[MountConfig] = [parse_volume(item) for item in options.get("volume", ())]
    given += [parse_mount(item) for item in options.get("mount", ())]
    given += [parse_tmpfs(item) for item in options.get("tmpfs", ())]
    for mount in given:
        if mount["destination"] in found:
            raise Invalid(f"{mount['destination']}: duplicate mount destination")
        found[mount["destination"]] = mount
    for item in options.get("volumes_from", ()):
        for mount in _from_container(engine, item):
            found.setdefault(mount["destination"], mount)
    mode = options.get("image_volume") or "anonymous"
    if mode not in ("anonymous", "bind", "tmpfs", "ignore"):
        raise Invalid(f"invalid image-volume type {mode}: must be one of bind, anonymous, tmpfs, or ignore")
    for destination in image_volumes if mode != "ignore" else ():
        path = clean(destination)
        if mode == "tmpfs":
            mount = {"type": "tmpfs", "source": "tmpfs", "destination": path, "options": []}
        else:
            mount = _anonymous(path, ["nosuid", "nodev", "rbind"])
        found.setdefault(path, mount)
    return list(found.values())


def clean(path: str) -> str:
    """An absolute path without dots and doubled slashes; ``Invalid`` when it isn't absolute."""
    if not path.startswith("/"):
        raise Invalid(f'invalid container path "{path}", must be an absolute path')
    return "/" + os.path.normpath(path).lstrip("/")


def _anonymous(destination: str, options: list[str]) -> MountConfig:
    return {
        "type": "volume", "name": os.urandom(32).hex(), "source": "", "destination": destination, "options": options,
        "anonymous": True, "copy_up": True,
    }  # fmt: skip


def parse_volume(item: str) -> MountConfig:
    """``[SOURCE:]DESTINATION[:OPTIONS]``; a source that is no path is a volume's name."""
    parts = item.split(":")
    if len(parts) > 3 or not parts[0] or (len(parts) > 1 and not parts[1]):
        raise Invalid(f"incorrect volume format {item}, should be [host-dir:]ctr-dir[:option]")
    options = _options(parts[2].split(",") if len(parts) == 3 else [], item)
    if len(parts) == 1:
        return _anonymous(clean(parts[0]), options)
    source, destination = parts[0], clean(parts[1])
    if source.startswith(("/", ".", "~")):
        return _bind(source, destination, options)
    return _named(source, destination, options)


def _options(words: list[str], item: str) -> list[str]:
    result = []
    for word in filter(None, words):
        if word not in _WORDS:
            raise Invalid(f"invalid option {word} for mount {item}")
        result.append(word)
    if len([word for word in result if word in _PROPAGATION]) > 1:
        raise Invalid(f"{item}: only one propagation option may be given")
    if "ro" in result and "rw" in result:
        raise Invalid(f"{item}: only one of ro and rw may be given")
    return result


def _bind(source: str, destination: str, options: list[str]) -> MountConfig:
    path = os.path.abspath(source)
    if not os.path.exists(path):
        raise NotFound(f"statfs {path}: no such file or directory", hint="create it on the host first")
    if not {"bind", "rbind"} & set(options):
        options = [*options, "rbind"]
    return {"type": "bind", "source": path, "destination": destination, "options": options}


def check_volume_name(name: str) -> None:
    """Podman's rule for names of volumes, containers and networks."""
    if not name or name[0] in "_.-" or set(name) - _NAME:
        raise Invalid(f'"{name[:100]}": names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*: invalid argument')


def _named(name: str, destination: str, options: list[str]) -> MountConfig:
    check_volume_name(name)
    mount: MountConfig = {
        "type": "volume", "name": name, "source": "", "destination": destination, "options": options,
        "copy_up": "nocopy" not in options,
    }  # fmt: skip
    return mount


def parse_tmpfs(item: str) -> MountConfig:
    """``DESTINATION[:OPTIONS]``."""
    destination, _, rest = item.partition(":")
    return {
        "type": "tmpfs", "source": "tmpfs", "destination": clean(destination),
        "options": ["nosuid", "nodev", *filter(None, rest.split(","))],
    }  # fmt: skip


_ALIASES = {"src": "source", "dst": "destination", "target": "destination", "readonly": "ro"}
_BOOLEANS = {
    "ro": ("ro", "rw"),
    "rw": ("rw", "ro"),
    "U": ("U", ""),
    "chown": ("U", ""),
    "bind-nonrecursive": ("bind", ""),
}


def parse_mount(item: str) -> MountConfig:
    """``type=TYPE,source=…,destination=…,…`` (bind, volume, tmpfs, ramfs, devpts)."""
    fields: dict[str, str] = {}
    options: list[str] = []
    for part in item.split(","):
        key, equals, value = part.partition("=")
        key = _ALIASES.get(key, key)
        if key in _BOOLEANS:
            word = _BOOLEANS[key][0 if _boolean(value if equals else "true", item) else 1]
            options += [word] if word else []
        elif key in _WORDS and not equals:
            options.append(key)
        elif key == "bind-propagation":
            options.append(value)
        elif key == "relabel":
            options.append({"shared": "z", "private": "Z"}.get(value, value))
        else:
            fields[key] = value
    kind = fields.pop("type", "volume")
    if not fields.get("destination"):
        raise Invalid(f"{item}: must set volume destination")
    destination = clean(fields.pop("destination"))
    return _typed(kind, destination, fields, options, item)


def _boolean(text: str, item: str) -> bool:
    if text.lower() in ("true", "1", "t"):
        return True
    if text.lower() in ("false", "0", "f"):
        return False
    raise Invalid(f'{item}: "{text}" is not a boolean')


def _typed(kind: str, destination: str, fields: dict[str, str], options: list[str], item: str) -> MountConfig:
    source = fields.pop("source", "")
    if kind == "bind":
        mount = _bind(source or destination, destination, _options(options, item))
        if not source:
            raise Invalid(f"{item}: must set source for a bind mount")
    elif kind == "volume":
        chosen = _options(options, item)
        mount = _named(source, destination, chosen) if source else _anonymous(destination, chosen)
    elif kind in ("tmpfs", "ramfs"):
        words = ["nosuid", "nodev", *options]
        words += [f"size={fields.pop('tmpfs-size')}"] if "tmpfs-size" in fields else []
        words += [f"mode={fields.pop('tmpfs-mode')}"] if "tmpfs-mode" in fields else []
        words += [word for word in ("tmpcopyup", "notmpcopyup") if fields.pop(word, None) is not None]
        mount = {"type": kind, "source": kind, "destination": destination, "options": words}
    elif kind == "devpts":
        words = [f"{key}={fields.pop(key)}" for key in ("uid", "gid", "mode", "max") if key in fields]
        mount = {"type": "devpts", "source": "devpts", "destination": destination, "options": [*options, *words]}
    else:
        raise Invalid(f'invalid filesystem type "{kind}"')
    if fields:
        raise Invalid(f"{next(iter(fields))}: invalid mount option")
    return mount


def _from_container(engine: Engine, item: str) -> list[MountConfig]:
    from skerry.engine.containers.state import find

    name, _, rest = item.partition(":")
    words = [word for word in rest.split(",") if word]
    if [word for word in words if word not in ("ro", "rw", "z")]:
        raise Invalid(f'invalid options "{rest}", can only specify ro, rw, and z')
    record, _state = find(engine, name)
    result: list[MountConfig] = []
    for mount in record["config"].get("mounts", ()):
        if mount["type"] in ("bind", "volume"):
            options = [word for word in mount["options"] if word not in ("ro", "rw")] if words else mount["options"]
            copy: MountConfig = {**mount, "options": [*options, *words], "copy_up": False, "anonymous": False}
            result.append(copy)
    return result
