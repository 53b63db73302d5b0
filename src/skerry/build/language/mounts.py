"""RUN's ``--mount``: ``type=cache,target=/root/.cache,…``."""

from __future__ import annotations

import re
from collections.abc import Callable

from skerry.build.language.instructions import Mount
from skerry.build.language.suggest import did_you_mean
from skerry.build.language.words import quoted
from skerry.records import replace

_PROPAGATION = tuple(r + word for word in ("private", "shared", "slave", "unbindable") for r in ("", "r"))
_TYPES = ("bind", "cache", "tmpfs", "secret", "ssh")
_SHARING = ("shared", "private", "locked")
_SHORT = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly", "rw": "readwrite"}
_KEYS = (
    "type", "from", "source", "target", "readonly", "readwrite", "id", "sharing", "required", "size", "mode", "uid",
    "gid", "env", "relabel", "tmpcopyup", "bind-propagation",
)  # fmt: skip
_TRUE, _FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(?:([kmgtp])i?)?b?", re.IGNORECASE)
_FOR_FILES = ("cache", "secret", "ssh")
# The keys that only some types have; the others are taken with any.
_ONLY_FOR = {
    "required": ("secret", "ssh"), "size": ("tmpfs",), "tmpcopyup": ("tmpfs",), "bind-propagation": ("bind", "cache"), "mode": _FOR_FILES, "uid": _FOR_FILES, "gid": _FOR_FILES,
}  # fmt: skip


class MountError(ValueError):
    """The text is no mount. ``hint`` says what may have been meant."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse_mount(text: str, expand: Callable[[str], str] | None = None) -> Mount:
    """One mount, its values expanded. `MountError` says what is wrong.

    Without ``expand`` a mount with variables is only known by its type and ``from``, which takes none.
    """
    fields = _fields(text)
    origin = fields.get("from", "")
    if "from" in fields and not origin:
        raise MountError(f"'from' points to an empty value in '{text}'")
    if "$" in origin[:-1]:
        raise MountError("'from' doesn't support variable expansion, define alias stage instead")
    if expand is not None:
        fields = {key: expand(value) for key, value in fields.items()}
    elif any("$" in value for value in fields.values()):
        kind = fields.get("type", "bind").lower()
        return Mount(text, kind if kind in _TYPES else "bind", origin)
    return _checked(_mount(text, fields))


def _fields(text: str) -> dict[str, str]:
    import csv

    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise MountError(f"failed to parse csv mounts: {error}") from None
    found: dict[str, str] = {}
    for field in rows[0] if rows else ():
        written, equals, value = field.partition("=")
        key = _SHORT.get(written.lower(), written.lower())
        if not equals and written in ("z", "Z"):
            key, value = "relabel", "shared" if written == "z" else "private"
        elif not equals and key in ("readonly", "readwrite", "required", "tmpcopyup"):
            value = "true"
        elif not equals:
            raise MountError(f"invalid field '{field}' must be a key=value pair")
        if key not in _KEYS:
            hint = did_you_mean(key, (*_KEYS, *_SHORT))
            raise MountError(f"unexpected key '{key}' in '{field}'", hint)
        found[key] = value
    return found


def _mount(text: str, fields: dict[str, str]) -> Mount:
    kind = fields.get("type", "bind").lower()
    if kind not in _TYPES:
        raise MountError(f"unsupported mount type {quoted(fields['type'])}", did_you_mean(kind, _TYPES))
    for key in fields:
        if kind not in _ONLY_FOR.get(key, _TYPES):
            if key in ("mode", "uid", "gid"):
                raise MountError(f'{key} not allowed for "{kind}" type mounts')
            raise MountError(f"unexpected key '{key}' for mount type '{kind}'")
    readonly = kind not in ("cache", "tmpfs")
    for key in ("readonly", "readwrite"):
        if key in fields:
            readonly = _truth(fields, key) == (key == "readonly")
    return Mount(
        text=text, type=kind, from_=fields.get("from", ""), source=fields.get("source", ""),
        target=fields.get("target", ""), readonly=readonly, id=fields.get("id", ""),
        sharing=fields.get("sharing", "").lower(), required=_truth(fields, "required"),
        mode=_number(fields, "mode", 8), uid=_number(fields, "uid", 10), gid=_number(fields, "gid", 10),
        size=_size(fields.get("size")), env=fields.get("env"), relabel=fields.get("relabel", ""),
        copy_up=_truth(fields, "tmpcopyup"), propagation=fields.get("bind-propagation", ""),
    )  # fmt: skip


def _checked(mount: Mount) -> Mount:
    if mount.sharing and mount.sharing not in _SHARING:
        raise MountError(f"unsupported sharing value {quoted(mount.sharing)}", did_you_mean(mount.sharing, _SHARING))
    if mount.propagation and mount.propagation not in _PROPAGATION:
        hint = did_you_mean(mount.propagation, _PROPAGATION)
        raise MountError(f'invalid mount option "bind-propagation={mount.propagation}"', hint)
    if mount.type == "secret":
        if mount.from_:
            raise MountError("secret mount should not have a from")
        if mount.sharing:
            raise MountError("secret mount should not define sharing")
        if not (mount.source or mount.target or mount.id):
            raise MountError("invalid secret mount. one of source, target required")
        if mount.source and mount.id:
            raise MountError("both source and id can't be set")
    elif mount.env is not None:
        raise MountError(f"unexpected key 'env' for mount type '{mount.type}'")
    if mount.sharing and mount.type != "cache":
        raise MountError(f"invalid cache sharing set for {mount.type} mount")
    if mount.type in ("bind", "cache", "tmpfs") and not mount.target:
        raise MountError(f"{mount.type} mount requires target")
    if mount.target.startswith("/") and not mount.target.replace("/", "").replace(".", ""):
        raise MountError(f"invalid mount target {quoted(mount.target)}")
    if mount.env is not None and ("=" in mount.env or "\0" in mount.env):
        raise MountError(f"invalid name of a variable: {quoted(mount.env)}")
    return replace(mount, env=mount.env or mount.id or mount.source) if mount.env == "" else mount


def _truth(fields: dict[str, str], key: str) -> bool:
    text = fields.get(key, "false")
    if text not in _TRUE + _FALSE:
        raise MountError(f"invalid value for {key}: {text}")
    return text in _TRUE


def _number(fields: dict[str, str], key: str, base: int) -> int | None:
    text = fields.get(key)
    if text is None:
        return None
    digits = "01234567" if base == 8 else "0123456789"
    if not text or len(text) > 11 or text.strip(digits) or int(text, base) >= 1 << 32:
        raise MountError(f"invalid value {text} for {key}")
    return int(text, base)


def _size(text: str | None) -> int | None:
    if text is None:
        return None
    match = _SIZE.fullmatch(text)
    if match is None:
        raise MountError(f"invalid value for size: {text}")
    return int(float(match[1]) * 1024 ** " kmgtp".index((match[2] or " ").lower()))
