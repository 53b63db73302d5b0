"""Lines for the container's user in /etc/passwd and /etc/group.

A user that is only a number has a name and a home then, which many programs insist on (Podman's --passwd).
"""

from __future__ import annotations

import os
import stat

from skerry.engine.containers import run_files
from skerry.engine.containers import state as states
from skerry.errors import Unavailable
from skerry.linux.beneath import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.containers.types import ContainerRecord, HostUser
    from skerry.engine.engine import Engine
    from skerry.runtime.types import MountConfig
    from skerry.runtime.users import ResolvedUser

_MAX_BYTES = 1 << 20


def identity_files(engine: Engine, record: ContainerRecord, rootfs: str, user: ResolvedUser) -> list[MountConfig]:
    """The files, written into the container's run folder and ready to be mounted."""
    if not record.get("passwd", True):
        return []
    files = _accounts(record, rootfs, user)
    taken = {mount["destination"] for mount in record["config"]["mounts"]}
    result: list[MountConfig] = []
    for target, text in files.items():
        if target in taken:
            continue
        path = states.run_folder(engine, record["id"], target.rpartition("/")[2])
        run_files.write(path, text, 0o644)
        options = ["bind", "rprivate"] + (["ro"] if record["config"].get("read_only") else [])
        result.append({"type": "bind", "source": path, "destination": target, "options": options})
    return result


def _accounts(record: ContainerRecord, rootfs: str, user: ResolvedUser) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    uid, gid = user["uid"], user["gid"]
    home = record["config"]["cwd"]
    of_host = [_host_line(record, each) for each in record.get("host_users", ())]
    line = (
        record.get("passwd_entry") or record.get("caller_entry") or f"{uid}:*:{uid}:{gid}:container user:{home}:/bin/sh"
    )
    passwd = _with_line(
        rootfs, "/etc/passwd", uid, _filled(line, record, user), force=bool(record.get("passwd_entry")), first=of_host
    )
    if passwd is not None:
        files["/etc/passwd"] = passwd
    line = record.get("group_entry") or f"{gid}:x:{gid}:{uid}"
    group = _with_line(rootfs, "/etc/group", gid, _filled(line, record, user), force=bool(record.get("group_entry")))
    if group is not None:
        files["/etc/group"] = group
    return files


def _filled(line: str, record: ContainerRecord, user: ResolvedUser) -> str:
    """Podman's variables in --passwd-entry and --group-entry."""
    values = {"$USERNAME": record["config"]["user"], "$UID": str(user["uid"]), "$GID": str(user["gid"]),
              "$NAME": record["name"], "$HOME": record["config"]["cwd"]}  # fmt: skip
    for name, value in values.items():
        line = line.replace(name, value)
    return line.replace("\n", "")


def _host_line(record: ContainerRecord, user: HostUser) -> tuple[int, str]:
    """Their home, if it is mounted, else the working directory."""
    mounted = [mount["destination"] for mount in record["config"]["mounts"]]
    known = any(user["home"] == place or user["home"].startswith(place.rstrip("/") + "/") for place in mounted)
    home = user["home"] if known else record["config"]["cwd"]
    return user["uid"], f"{user['name']}:*:{user['uid']}:{user['gid']}:{user['gecos']}:{home}:/bin/sh"


def named_user(record: ContainerRecord, rootfs: str) -> str:
    """Whom the program runs as, as `users.resolve` takes it: one that the image does not know may be of the host's."""
    text = record["config"]["user"]
    name, colon, group = text.partition(":")
    for user in record.get("host_users", ()):
        if user["name"] == name and all(known != name for _, known in read_accounts(rootfs, "passwd")):
            return f"{user['uid']}:{group if colon else user['gid']}"
    return text


def with_caller(record: ContainerRecord, rootfs: str, text: str) -> str:
    """A user's text as `users.resolve` takes it: also the name that keep-id's user has in the container alone."""
    name, colon, group = text.partition(":")
    entry = record.get("caller_entry", "").split(":")
    if name != entry[0] or len(entry) < 4 or any(known == name for _, known in read_accounts(rootfs, "passwd")):
        return text
    return f"{entry[2]}:{group if colon else entry[3]}"


def _with_line(
    rootfs: str, path: str, number: int, line: str, *, force: bool, first: Sequence[tuple[int, str]] = ()
) -> bytes | None:
    """The file's content, the lines of ``first`` and ``line``, each unless there is an entry for its number; None when
    nothing is to be added, or there is no such file."""
    try:
        fd = open_in_root(rootfs, path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode) or os.fstat(fd).st_size > _MAX_BYTES:
            return None  # an image's joke: it keeps it
        content = os.read(fd, _MAX_BYTES)
    except OSError as error:
        raise Unavailable(f"cannot read {path} of the container: {error.strerror}") from error
    finally:
        os.close(fd)
    known = {entry.split(b":")[2] for entry in content.splitlines() if entry.count(b":") > 1}
    new = []
    for each, text in first:
        if b"%d" % each not in known:
            new.append(text)
            known.add(b"%d" % each)
    if force or b"%d" % number not in known:
        new.append(line)
    if not new:
        return None
    if content and not content.endswith(b"\n"):
        content += b"\n"
    return content + "".join(text + "\n" for text in new).encode()


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
