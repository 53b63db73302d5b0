"""``volume create --opt``: what the drivers understand, checked when the volume is made."""

from __future__ import annotations

import os

from skerry.engine.units import parse_size
from skerry.errors import Invalid

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LOCAL = ("o", "type", "device", "uid", "gid", "size", "inodes", "noquota", "copy", "nocopy")
# Words of ``o`` that concern the volume: a volume with no others needs no mount.
_OURS = ("uid", "gid", "size", "inodes", "noquota", "timeout")


class Options:
    """``stored`` is what inspect shows, as Podman keeps it; the rest is what it says about the volume."""

    __slots__ = ("gid", "inodes", "no_quota", "size", "stored", "timeout_s", "uid")

    def __init__(self) -> None:
        self.stored: dict[str, str] = {}
        self.uid = self.gid = -1
        self.size = self.inodes = 0
        self.no_quota = False
        self.timeout_s = -1


def read(driver: str, given: Mapping[str, str]) -> Options:
    """What ``given`` means to ``driver``. `Invalid` in Podman's words."""
    options = Options()
    for key, value in given.items():
        if key == "o":
            words = [word for word in value.split(",") if _keeps(options, word)]
            if words:
                options.stored["o"] = ",".join(words)
        else:
            options.stored[key] = value
    options.stored = dict(sorted(options.stored.items()))
    if driver == "local":
        _check_local(options)
    elif driver == "image":
        _check_image(options)
    return options


def _keeps(options: Options, word: str) -> bool:
    """Take what a word of ``o`` says about the volume; whether it stays one of mount(8)'s, too."""
    name, equals, value = word.partition("=")
    name = name.lower()
    if name in ("uid", "gid"):
        if not equals:
            raise Invalid(f"{name} option must provide a {name.upper()}: invalid argument")
        setattr(options, name, _number(value, name.upper()))
        options.stored[name.upper()] = value
    elif name == "size":
        options.size = parse_size(value, "volume option size", kilo=1000)  # as Podman
        options.stored["SIZE"] = value
    elif name == "inodes":
        options.inodes = _number(value, "inodes")
        options.stored["INODES"] = value
    elif name == "noquota":
        options.no_quota = True
        options.stored["NOQUOTA"] = "true"
        return False
    elif name == "timeout":
        if not equals:
            raise Invalid("timeout option must provide a valid timeout in seconds: invalid argument")
        if value.startswith("-") and value[1:].isdigit():
            raise Invalid(f"volume timeout cannot be negative (got {value})")
        options.timeout_s = _number(value, "Timeout")
        return False
    return True


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**32 - 1):
        raise Invalid(f'cannot convert {what} {text} to integer: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(text)


def _check_local(options: Options) -> None:
    stored = options.stored
    for key in stored:
        if key.lower() not in _LOCAL:
            raise Invalid(f"invalid mount option {key} for driver 'local': invalid argument")
    if options.timeout_s >= 0:
        raise Invalid(
            "running volume create option: Volume driver timeout can only be used with non-local volume drivers: "
            "invalid argument"
        )
    kind = stored.get("type", "").lower()
    if kind == "bind" and "device" in stored:
        if not os.path.exists(stored["device"]):
            raise Invalid(
                f"invalid volume option device for driver 'local': faccessat {stored['device']}: no such file or directory"
            )
        stored["device"] = os.path.abspath(stored["device"])
    _check_quota(options, kind)
    words = mount_words(stored)
    if words and not (stored.get("type") or stored.get("device")):
        raise Invalid(f"volume option o={','.join(words)} needs a type or a device to be mounted", hint="-o type=tmpfs")


def _check_quota(options: Options, kind: str) -> None:
    if not (options.size or options.inodes):
        return
    if options.no_quota:
        raise Invalid("volume options size and inodes cannot be used without quota")
    if kind == "tmpfs" and options.inodes:
        raise Invalid("volume option inodes not supported on tmpfs filesystem")


def _check_image(options: Options) -> None:
    for key in options.stored:
        if key.lower() != "image":
            raise Invalid(f"invalid mount option {key} for driver 'image': invalid argument")
    if not options.stored.get("image"):
        raise Invalid("must provide an image name when creating a volume with the image driver: invalid argument")


def mount_words(stored: Mapping[str, str]) -> list[str]:
    """Those words of ``o`` that only mount(8) understands."""
    return [word for word in stored.get("o", "").split(",") if word and word.partition("=")[0].lower() not in _OURS]
