"""Lines for the container's users in /etc/passwd and /etc/group (Podman's --passwd).

A user that is only a number has a name and a home then, which many programs insist on. The lines go into the
container's own files, so that useradd(8) can put others in their place, which is impossible where a file is mounted;
only where the root file system is read-only, copies are mounted.
"""

from __future__ import annotations

import errno
import os
import stat

from skerry.engine.containers import run_files
from skerry.engine.containers import state as states
from skerry.errors import OutOfSpace, Unavailable
from skerry.linux.beneath import open_in_root
from skerry.runtime.users import read_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.containers.types import ContainerRecord, HostUser
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig

_MAX_BYTES = 1 << 20
_PASSWD, _GROUP = "/etc/passwd", "/etc/group"


class Accounts:
    """``texts``: the files that the program will see, where these are not the root file system's. ``lines``: what is
    to be added to them."""

    __slots__ = ("lines", "texts")

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.lines: dict[str, str] = {}


def accounts(record: ContainerRecord, rootfs: str) -> Accounts:
    """What the container's users need in its files, and in those that are mounted there."""
    found = Accounts()
    mounted = {mount["destination"]: mount for mount in record["config"]["mounts"]}
    for path in (_PASSWD, _GROUP):
        if path in mounted and mounted[path]["type"] == "bind":
            found.texts[path] = read_text("/", mounted[path]["source"])
    config = record["config"]
    wanted = config["user"] or record.get("caller_entry") or record.get("host_users") or record.get("group_entry")
    if not wanted or not record.get("passwd", True):
        return found
    passwd, group = read_text(rootfs, _PASSWD), read_text(rootfs, _GROUP)
    for path, text, lines in (
        (_PASSWD, passwd, _passwd(record, passwd, group)),
        (_GROUP, group, _group(record, group)),
    ):
        if lines and path not in mounted and (text or not _is_odd(rootfs, path)):
            begun = "\n" if text and not text.endswith("\n") else ""
            found.lines[path] = begun + "".join(line.replace("\n", "") + "\n" for line in lines)
            found.texts[path] = text + found.lines[path]
    return found


def _is_odd(rootfs: str, path: str) -> bool:
    """Whether an image has made its file a folder, device or fifo: it keeps it."""
    try:
        fd = open_in_root(rootfs, path, os.O_PATH)
    except OSError:
        return False
    try:
        return not stat.S_ISREG(os.fstat(fd).st_mode)
    finally:
        os.close(fd)


def put(engine: Engine, record: ContainerRecord, rootfs: str, found: Accounts) -> list[MountConfig]:
    """Write the lines. What could not be written where it belongs is returned, to be mounted.

    A folder of the host (--rootfs) stays as it is: it may be the host's own root."""
    config = record["config"]
    writable = not config.get("read_only") and "rootfs" not in config and config.get("rootfs_how", "O") == "O"
    result: list[MountConfig] = []
    for path, lines in found.lines.items():
        if writable and _append(rootfs, path, lines):
            continue
        copy = states.run_folder(engine, record["id"], path.rpartition("/")[2])
        run_files.write(copy, found.texts[path].encode("utf-8", "surrogateescape"), 0o644)
        options = ["bind", "rprivate"] + (["ro"] if record["config"].get("read_only") else [])
        result.append({"type": "bind", "source": copy, "destination": path, "options": options})
    return result


def _append(rootfs: str, path: str, lines: str) -> bool:
    """Whether it could be done: the root file system may be on one that is read-only."""
    try:
        fd = open_in_root(rootfs, path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK, mode=0o644)
    except OSError:
        return False
    try:
        os.write(fd, lines.encode("utf-8", "surrogateescape"))
    except OSError as error:
        kind = OutOfSpace if error.errno in (errno.ENOSPC, errno.EDQUOT) else Unavailable
        raise kind(f"unable to append to {path} of the container: {error.strerror}") from error
    finally:
        os.close(fd)
    return True


def _passwd(record: ContainerRecord, passwd: str, group: str) -> list[str]:
    """Users of the host that were asked for, who calls (keep-id), whom the program runs as: each unless the image knows
    the number or the name."""
    numbers, names = _known(passwd)
    template = record.get("passwd_entry", "")
    of_host = [_host_line(record, user) for user in record.get("host_users", ())]
    caller = record.get("caller_entry", "")
    lines = []
    for line in [*of_host, *([caller] if caller else [])]:
        name, _, uid, gid, gecos, home, _ = line.split(":")
        if uid not in numbers and name not in names:
            lines.append(_filled(template, name, uid, gid, gecos, home) if template else line)
            numbers.add(uid)
            names.add(name)
    uid, _, of_group = record["config"]["user"].partition(":")
    if not _is_number(uid) or str(int(uid)) in numbers or (caller and caller.split(":")[2] == uid):
        return lines
    gid, home = _group_number(of_group, group), record["config"]["cwd"]
    if template:
        return [*lines, _filled(template, uid, uid, gid, "container user", home)]
    name, gecos = _name_on_host(int(uid))
    return [*lines, f"{name or uid}:*:{uid}:{gid}:{gecos}:{home}:/bin/sh"]


def _group(record: ContainerRecord, group: str) -> list[str]:
    numbers, names = _known(group)
    lines, added = [], ""
    if caller := record.get("caller_group", ""):
        name, _, added, _ = caller.split(":")
        if added not in numbers and name not in names:
            lines.append(caller)
            numbers.add(added)
    user, _, gid = record["config"]["user"].partition(":")
    gid = gid or "0"
    template = record.get("group_entry", "")
    if not (user or template) or not _is_number(gid) or gid == added or str(int(gid)) in numbers:
        return lines
    if template:
        # It is for a group that the image does not know: without a name and members.
        return [*lines, template.replace("$GROUPNAME", "").replace("$GID", gid).replace("$USERLIST", "")]
    return [*lines, f"{gid}:x:{gid}:{user}"]


def _known(text: str) -> tuple[set[str], set[str]]:
    """The numbers and the names in a passwd or group file."""
    rows = [line.strip().split(":") for line in text.split("\n")]
    rows = [row for row in rows if len(row) > 2 and _is_number(row[2])]
    return {str(int(row[2])) for row in rows}, {row[0] for row in rows}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 11


def _group_number(text: str, group: str) -> str:
    if not text or _is_number(text):
        return text or "0"
    rows = [line.strip().split(":") for line in group.split("\n")]
    return next((row[2] for row in rows if len(row) > 2 and row[0] == text), "0")


def _name_on_host(uid: int) -> tuple[str, str]:
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except (KeyError, OverflowError):
        return "", "container user"
    return entry.pw_name, entry.pw_gecos.split(",")[0]


def _filled(template: str, name: str, uid: str, gid: str, gecos: str, home: str) -> str:
    """Podman's variables in --passwd-entry."""
    for variable, value in (("$USERNAME", name), ("$UID", uid), ("$GID", gid), ("$NAME", gecos), ("$HOME", home)):
        template = template.replace(variable, value)
    return template


def _host_line(record: ContainerRecord, user: HostUser) -> str:
    """Their home, if it is mounted, else the working directory."""
    mounted = [mount["destination"] for mount in record["config"]["mounts"]]
    known = any(user["home"] == place or user["home"].startswith(place.rstrip("/") + "/") for place in mounted)
    home = user["home"] if known else record["config"]["cwd"]
    return f"{user['name']}:*:{user['uid']}:{user['gid']}:{user['gecos']}:{home}:/bin/sh"


def named_user(record: ContainerRecord, rootfs: str) -> str:
    """Whom the program runs as, as `users.resolve` takes it: one that the image does not know may be of the host's."""
    text = record["config"]["user"]
    name, colon, group = text.partition(":")
    for user in record.get("host_users", ()):
        if user["name"] == name and all(known != name for _, known in read_accounts(rootfs, "passwd")):
            return f"{user['uid']}:{group if colon else user['gid']}"
    return text


def read_accounts(rootfs: str, kind: str) -> list[tuple[int, str]]:
    """(id, name) of the lines of /etc/passwd or /etc/group (``kind``) of a root file system; none when there are none."""
    try:
        fd = open_in_root(rootfs, f"/etc/{kind}", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return []
        content = os.read(fd, _MAX_BYTES)
    except OSError:
        return []
    finally:
        os.close(fd)
    rows = [line.split(":") for line in content.decode("utf-8", "replace").splitlines()]
    return [(int(row[2]), row[0]) for row in rows if len(row) > 2 and row[2].isascii() and row[2].isdigit()]
