"""The file system below the store: kind, room, what overlay needs of it."""

from __future__ import annotations

import os

from skerry.engine.doctor.report import FAIL, OK, WARN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.config.settings import Settings
    from skerry.engine.doctor.host import Host

AREA = "store"
# File systems that cannot hold an overlay's upper directory.
UNFIT = {"overlay", "nfs", "nfs4", "vfat", "msdos", "exfat", "ntfs", "9p", "fuseblk", "cifs", "ecryptfs"}
LITTLE_BYTES, LITTLE_INODES = 1 << 30, 10_000


def check(host: Host, settings: Settings) -> Iterator[Finding]:
    """The findings of this area."""
    folder = _existing(settings.root)
    if not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(
            AREA,
            "folder",
            FAIL,
            f"{folder} is not writable",
            "nothing can be stored",
            f"choose another with --root, or chown {folder}",
        )
        return
    yield _kind(host, settings.root, folder)
    yield _room(folder, settings.root)


def _existing(path: str) -> str:
    """The nearest folder that exists: the store is made at first use."""
    while not os.path.isdir(path) and path not in ("", "/"):
        path = os.path.dirname(path)
    return path or "/"


def _kind(host: Host, root: str, folder: str) -> Finding:
    kind = file_system(host.read("/proc/self/mountinfo"), os.path.realpath(folder))
    if kind in UNFIT:
        return Finding(
            AREA, "file system", FAIL, f"{root} is on {kind}", "overlay cannot write there: no container runs",
            "use --root on a folder on ext4, xfs, btrfs or tmpfs",
        )  # fmt: skip
    return Finding(AREA, "file system", OK, f"{root} on {kind or 'an unknown file system'}")


def file_system(mountinfo: str, path: str) -> str:
    """The type of the file system that ``path`` is on: of the longest mount point above it, the last one mounted."""
    best, found = "", ""
    for line in mountinfo.splitlines():
        fields = line.split()
        if " - " not in line or len(fields) < 10:
            continue
        point = fields[4].encode().decode("unicode_escape") if "\\" in fields[4] else fields[4]
        if (path + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, found = point, line.partition(" - ")[2].split()[0]
    return found


def _room(folder: str, root: str) -> Finding:
    room = os.statvfs(folder)
    free = room.f_bavail * room.f_frsize
    text = f"{free / 1e9:.1f} GB and {room.f_favail} inodes free"
    # Some file systems (btrfs) count no inodes: files is 0 there.
    if free < LITTLE_BYTES or (room.f_files and room.f_favail < LITTLE_INODES):
        return Finding(
            AREA, "room", WARN, text, "pulling and building images may fail", f"skerry system df; du -xsh {root}"
        )
    return Finding(AREA, "room", OK, text)
