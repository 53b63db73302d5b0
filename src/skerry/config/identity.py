"""On whose behalf this process runs: root, a user outside of a user namespace, or a user's root within one.

Three questions that look like one:
  rootless  paths, networks and limits are those of an ordinary user
  userns    mounts happen (or will, after `engine.rootless.enter`) in a user namespace: overlay needs ``userxattr``
  entered   the namespace is already there, nothing is to be joined
"""

from __future__ import annotations

import os

# Set for whatever runs inside of the user's namespace (`skerry unshare`, conmon's exit command). Podman's own
# names, so that `podman unshare skerry …` and `skerry unshare buildah …` know where they are as well.
CONFIGURED = "_CONTAINERS_USERNS_CONFIGURED"
ROOTLESS_UID = "_CONTAINERS_ROOTLESS_UID"
ROOTLESS_GID = "_CONTAINERS_ROOTLESS_GID"

_WHOLE_RANGE = b"4294967295"


class Identity:
    """Who: ``uid`` and ``gid`` are the user's on the host, also from within the namespace."""

    __slots__ = ("entered", "gid", "rootless", "uid", "userns")

    def __init__(self, uid: int, gid: int, *, rootless: bool, userns: bool, entered: bool) -> None:
        self.uid = uid
        self.gid = gid
        self.rootless = rootless
        self.userns = userns
        self.entered = entered


def current() -> Identity:
    """The identity of this process, from its ids, its user namespace and the namespace's marker in the environment."""
    uid = os.geteuid()
    if uid:
        return Identity(uid, os.getegid(), rootless=True, userns=True, entered=False)
    outside = _mapped_root("/proc/self/uid_map")
    if outside is None:
        return Identity(0, 0, rootless=False, userns=False, entered=False)
    if os.environ.get(CONFIGURED):
        given_uid, given_gid = os.environ.get(ROOTLESS_UID, ""), os.environ.get(ROOTLESS_GID, "")
        uid = int(given_uid) if given_uid.isdigit() else outside
        gid = int(given_gid) if given_gid.isdigit() else _mapped_root("/proc/self/gid_map") or 0
        # Root's own second namespace (`unshare -U` as root, markers inherited) stays root's: uid 0.
        return Identity(uid, gid, rootless=uid != 0, userns=True, entered=True)
    # A namespace that somebody else made. When its root owns the file system's root it is a container (or a
    # machine) of its own and Skerry is root there; otherwise (`unshare -Ur`) it is the user in disguise.
    if os.stat("/").st_uid == 0:
        return Identity(0, 0, rootless=False, userns=True, entered=True)
    return Identity(outside, _mapped_root("/proc/self/gid_map") or 0, rootless=True, userns=True, entered=True)


def _mapped_root(path: str) -> int | None:
    """Which id outside is this namespace's 0; None in the initial namespace (or where /proc is missing)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        lines = os.read(fd, 65536).splitlines()
    finally:
        os.close(fd)
    if len(lines) == 1 and lines[0].split() == [b"0", b"0", _WHOLE_RANGE]:
        return None
    for line in lines:
        inside, outside, _ = line.split()
        if inside == b"0":
            return int(outside)
    return None
