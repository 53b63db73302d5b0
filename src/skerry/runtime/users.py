"""Who a container's process runs as: ``--user`` and ``--group-add`` against the container's own /etc/passwd.

The files come from an image, so they may be links to anywhere, devices, endless or binary: they are opened
beneath the root file system without leaving it, must be regular files, and are read up to a limit.
"""

from __future__ import annotations

import os
import stat

from skerry.errors import Invalid, NotFound
from skerry.linux.beneath import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from skerry.runtime.types import ResolvedUser as ResolvedUser

MAX_ID = 2**31 - 1
KEEP_GROUPS = "keep-groups"
_MAX_FILE = 16 << 20
_MAX_LINE = 1 << 20


class _Entry:
    """A line of /etc/passwd (home, shell) or of /etc/group (members)."""

    __slots__ = ("gid", "home", "id", "members", "name", "shell")

    def __init__(self, fields: list[str], id_: int, gid: int) -> None:
        self.name = fields[0]
        self.id = id_
        self.gid = gid
        self.home = fields[5] if len(fields) > 5 else ""
        self.shell = fields[6] if len(fields) > 6 else ""
        self.members = fields[3].split(",") if len(fields) == 4 else []


def resolve(
    rootfs: str, user: str = "", groups: Sequence[str] = (), *, texts: Mapping[str, str] | None = None
) -> ResolvedUser:
    """``user`` as Podman understands it (``""``, ``name``, ``uid``, either with ``:group``), plus ``groups``.

    ``texts``: what stands for the root file system's own /etc/passwd and /etc/group.
    A number needs no entry in /etc/passwd. `NotFound` for a name without one."""
    name, _, group = user.partition(":")
    texts = texts or {}
    found = _find_user(_entries(rootfs, "/etc/passwd", texts), name)
    entries: list[_Entry] | None = None
    if group or found["name"]:
        entries = list(_entries(rootfs, "/etc/group", texts))
        if group:
            found["gid"] = _find_group(entries, group)
        else:
            found["additional_gids"] = [entry.id for entry in entries if found["name"] in entry.members]
    for extra in groups:
        if extra == KEEP_GROUPS:
            continue  # the runtime leaves ours: an annotation says so
        if entries is None:
            entries = list(_entries(rootfs, "/etc/group", texts))
        gid = _find_group(entries, extra)
        if gid not in found["additional_gids"]:
            found["additional_gids"].append(gid)
    return found


def _find_user(entries: Iterator[_Entry], name: str) -> ResolvedUser:
    number = _number(name or "0")
    for entry in entries:
        if entry.id == number if number is not None else entry.name == name:
            return _user(entry.id, entry.gid, entry.home or "/", entry.name, entry.shell)
    if number is None:
        raise NotFound(f"unable to find user {name}: no matching entries in passwd file")
    if number > MAX_ID:
        raise Invalid(f"uids and gids must be in range 0-{MAX_ID}")
    return _user(number)


def _user(uid: int, gid: int = 0, home: str = "/", name: str = "", shell: str = "") -> ResolvedUser:
    return {"uid": uid, "gid": gid, "additional_gids": [], "home": home, "name": name, "shell": shell}


def _find_group(entries: list[_Entry], name: str) -> int:
    number = _number(name)
    for entry in entries:
        if entry.id == number if number is not None else entry.name == name:
            return entry.id
    if number is None:
        raise NotFound(f"unable to find group {name}: no matching entries in group file")
    if number > MAX_ID:
        raise Invalid(f"uids and gids must be in range 0-{MAX_ID}")
    return number


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _entries(rootfs: str, path: str, texts: Mapping[str, str]) -> Iterator[_Entry]:
    """The well-formed lines of a passwd or group file; a missing or odd file has none."""
    text = texts[path] if path in texts else read_text(rootfs, path)
    for line in text.split("\n"):
        fields = line.strip().split(":")
        if len(fields) < 3 or len(line) > _MAX_LINE or line.startswith("#"):
            continue
        id_ = _number(fields[2])
        gid = _number(fields[3]) if len(fields) > 4 else 0
        if id_ is not None and id_ <= MAX_ID:
            yield _Entry(fields, id_, gid if gid is not None and gid <= MAX_ID else 0)


def read_text(rootfs: str, path: str) -> str:
    """A file of a root file system; empty when it is missing, or no regular file."""
    try:
        # Non-blocking: a fifo in place of the file must not hang us before its type is known.
        fd = open_in_root(rootfs, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return ""
        chunks = []
        left = _MAX_FILE
        while left > 0 and (chunk := os.read(fd, min(left, 1 << 20))):
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    finally:
        os.close(fd)
