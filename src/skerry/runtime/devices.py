"""``--device``, ``--device-cgroup-rule`` and the device nodes of privileged containers."""

from __future__ import annotations

import os
import stat

from skerry.errors import Invalid, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

_SKIPPED = frozenset(("pts", "shm", "fd", "mqueue", "console", ".lxc", ".lxd-mounts", ".udev"))


class Device:
    """One parsed ``--device`` value."""

    __slots__ = ("host", "inside", "permissions")

    def __init__(self, host: str, inside: str, permissions: str) -> None:
        self.host = host
        self.inside = inside
        self.permissions = permissions


def parse_device(text: str) -> Device:
    """``HOST[:CONTAINER][:rwm]``. `Invalid` in Podman's words."""
    host, *rest = text.split(":")
    if len(rest) > 2 or not host:
        raise Invalid(f"invalid device specification: {text}")
    if len(rest) == 2 and not rest[1]:
        raise Invalid(f"empty device mode in device specification: {text}")
    inside = rest.pop(0) if rest and (rest[0].startswith("/") or not rest[0]) else ""
    permissions = rest[0] if rest else "rwm"
    if len(rest) > 1 or not _is_mode(permissions):
        raise Invalid(f'invalid device mode "{permissions}" in device "{text}"')
    return Device(host, inside or host, permissions)


def is_path(text: str) -> bool:
    """Whether a ``--device`` value is a path, and not a CDI name (``vendor.com/class=device``)."""
    if text.startswith("/") or "=" not in text:
        return True
    from skerry.runtime.cdi import is_name

    return not is_name(text)


def _is_mode(text: str) -> bool:
    return bool(text) and set(text) <= set("rwm") and len(set(text)) == len(text)


def parse_rule(text: str) -> dict[str, Any]:
    """``TYPE MAJOR:MINOR MODE`` of ``--device-cgroup-rule`` as an OCI device rule that allows it."""
    fields = text.split()
    if len(fields) != 3:
        raise Invalid(f'invalid device cgroup rule requires type, major:Minor, and access rules: "{text}"')
    kind, numbers, access = fields
    if kind not in ("a", "b", "c"):
        raise Invalid(f"invalid device type in device-access-add: {kind}")
    for letter in access:
        if letter not in "rwm":
            raise Invalid(f"invalid device access in device-access-add: {letter}")
    rule: dict[str, Any] = {"allow": True, "type": kind, "access": access}
    major, _, minor = numbers.partition(":")
    for name, value in (("major", major), ("minor", minor or "*")):
        if value == "*":
            continue
        if not (value.isascii() and value.isdecimal()):
            raise Invalid(f'strconv.ParseUint: parsing "{value}": invalid syntax')
        rule[name] = int(value)
    return rule


def numbers(path: str) -> tuple[int, int]:
    """Major and minor of the device node at ``path``."""
    try:
        info = os.stat(path)
    except OSError as error:
        raise NotFound(f"device {path}: {os.strerror(error.errno or 0).lower()}") from None
    if not (stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode)):
        raise Invalid(f"{path} is not a device node")
    return os.major(info.st_rdev), os.minor(info.st_rdev)


def expand(device: Device) -> Iterator[tuple[Device, os.stat_result]]:
    """The device nodes that ``device`` means: itself, or all below it when it is a directory."""
    host = os.path.realpath(device.host)
    try:
        info = os.stat(host)
    except OSError as error:
        raise NotFound(f"stat {device.host}: {os.strerror(error.errno or 0).lower()}") from None
    if stat.S_ISDIR(info.st_mode):
        found = False
        for path, node in _nodes(host):
            found = True
            yield Device(path, device.inside.rstrip("/") + path[len(host) :], device.permissions), node
        if not found:
            raise Invalid(f"no devices found in {device.host}")
    elif stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
        yield Device(host, device.inside, device.permissions), info
    else:
        raise Invalid(f"{device.host} is not a valid device: not a device node")


def _nodes(folder: str) -> Iterator[tuple[str, os.stat_result]]:
    """All device nodes below ``folder``, without links and the folders that containers get fresh."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # not ours to read: not ours to hand on
    for entry in entries:
        if entry.name in _SKIPPED or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from _nodes(entry.path)
            continue
        info = entry.stat(follow_symlinks=False)
        if stat.S_ISBLK(info.st_mode) or stat.S_ISCHR(info.st_mode):
            yield entry.path, info


def host_devices(*, systemd: bool = False) -> list[tuple[Device, os.stat_result]]:
    """Every device of the host, for privileged containers; without virtual consoles when systemd runs inside."""
    return [
        (Device(path, path, "rwm"), info)
        for path, info in _nodes("/dev")
        if not (systemd and path.startswith("/dev/tty") and path[8:].isdecimal())
    ]


def node(device: Device, info: os.stat_result) -> dict[str, Any]:
    """The OCI ``linux.devices`` entry."""
    return {
        "path": device.inside,
        "type": "b" if stat.S_ISBLK(info.st_mode) else "c",
        "major": os.major(info.st_rdev),
        "minor": os.minor(info.st_rdev),
        "fileMode": stat.S_IMODE(info.st_mode),
        "uid": info.st_uid,
        "gid": info.st_gid,
    }


def rule(device: Device, info: os.stat_result) -> dict[str, Any]:
    """The OCI ``linux.resources.devices`` entry that lets the container use it."""
    return {
        "allow": True,
        "type": "b" if stat.S_ISBLK(info.st_mode) else "c",
        "major": os.major(info.st_rdev),
        "minor": os.minor(info.st_rdev),
        "access": device.permissions,
    }


def bind(device: Device) -> dict[str, Any]:
    """The mount that stands for a node where nodes cannot be made (user namespaces)."""
    mode = "rw" if "w" in device.permissions else "ro"
    return {
        "destination": device.inside,
        "type": "bind",
        "source": device.host,
        "options": ["slave", "nosuid", "noexec", mode, "rbind"],
    }


def parse_all(devices: Sequence[str]) -> list[tuple[Device, os.stat_result]]:
    """All nodes of all ``--device`` values."""
    return [pair for text in devices for pair in expand(parse_device(text))]
