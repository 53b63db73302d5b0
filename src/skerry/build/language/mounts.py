"""RUN's ``--mount``: ``type=cache,target=/root/.cache,…``."""

from __future__ import annotations

import csv
import re

from skerry.build.language.instructions import Mount

_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_NAMES = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_BOOLEAN = {"": True, "true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?", re.IGNORECASE)
# What may be given for which type.
_ALLOWED = {
    "from": ("bind", "cache"), "source": ("bind", "cache", "secret"), "id": ("cache", "secret", "ssh"),
    "sharing": ("cache",), "required": ("secret", "ssh"), "mode": ("cache", "secret", "ssh"),
    "uid": ("cache", "secret", "ssh"), "gid": ("cache", "secret", "ssh"), "size": ("tmpfs",), "env": ("secret",),
    "readonly": ("bind", "cache"), "readwrite": ("bind", "cache"), "relabel": ("bind", "cache"),
}  # fmt: skip


class MountError(ValueError):
    """The text is no mount."""


def parse_mount(text: str) -> Mount:
    """One mount. `MountError` says what is wrong."""
    fields = next(csv.reader([text], strict=True), [])
    values = dict(_field(field) for field in fields)
    kind = values.pop("type", "bind").lower()
    if kind not in _TYPES:
        raise MountError(f"unsupported mount type {kind!r}")
    for name in values:
        if name != "target" and kind not in _ALLOWED[name]:
            raise MountError(f"unexpected key {name!r} for mount type {kind!r}")
    readonly = kind == "bind"
    if "readwrite" in values:
        readonly = not _truth(values["readwrite"], "readwrite")
    if "readonly" in values:
        readonly = _truth(values["readonly"], "readonly")
    mount = Mount(
        text=text, type=kind, from_=values.get("from", ""), source=values.get("source", ""),
        target=values.get("target", ""), readonly=readonly, id=values.get("id", ""),
        sharing=values.get("sharing", "").lower(), required=_truth(values.get("required", "false"), "required"),
        mode=_number(values.get("mode"), "mode", 8), uid=_number(values.get("uid"), "uid", 10),
        gid=_number(values.get("gid"), "gid", 10), size=_size(values.get("size")), env=values.get("env"),
        relabel=values.get("relabel", ""),
    )  # fmt: skip
    _check(mount)
    return mount


def _field(field: str) -> tuple[str, str]:
    name, equals, value = field.partition("=")
    name = name.strip().lower()
    name = _NAMES.get(name, name)
    if name in ("z", "relabel") and not equals:
        return "relabel", value or "shared"
    if name not in ("type", "target", *_ALLOWED):
        raise MountError(f"unexpected key {name!r} in {field!r}")
    if not equals and name not in ("readonly", "readwrite", "required"):
        raise MountError(f"invalid field {field!r} must be a key=value pair")
    return name, value


def _check(mount: Mount) -> None:
    if mount.type in ("bind", "cache", "tmpfs") and not mount.target:
        raise MountError("target is required")
    if mount.type == "secret" and not (mount.target or mount.source or mount.id):
        raise MountError("invalid secret mount: one of source, id or target is required")
    if mount.sharing and mount.sharing not in _SHARING:
        raise MountError(f"unsupported sharing value {mount.sharing!r}")
    if mount.env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", mount.env):
        raise MountError(f"invalid name of a variable: {mount.env!r}")


def _truth(text: str, name: str) -> bool:
    if text.lower() not in _BOOLEAN:
        raise MountError(f"invalid value for {name}: {text}")
    return _BOOLEAN[text.lower()]


def _number(text: str | None, name: str, base: int) -> int | None:
    if text is None:
        return None
    try:
        number = int(text, base)
    except ValueError:
        raise MountError(f"invalid value {text} for {name}") from None
    if not 0 <= number < 1 << 32:
        raise MountError(f"invalid value {text} for {name}")
    return number


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise MountError(f"invalid value for size: {text}")
    return int(float(match[1]) * 1024 ** " kmgtp".index(match[2].lower() or " "))
