"""What one layer's tree takes from another's, file by file: large ones by a hard link, the others as copies.

A link costs nothing, but containers see how many names a file has, and there are programs that refuse one with several:
cron a table, logrotate a log, others their keys. Those are small, and copying them costs little.
"""

from __future__ import annotations

import os
import stat

_LINKED_FROM_BYTES = 16 << 10
_MOST_LINKS = 32_000  # ext4's limit is 65,000


def can_link(status: os.stat_result) -> bool:
    """Whether a file of a layer may get one more name in another."""
    if stat.S_ISREG(status.st_mode) and status.st_size < _LINKED_FROM_BYTES:
        return False
    return status.st_nlink < _MOST_LINKS


def copy_file(name: str, status: os.stat_result, source: int, target: int, *, marks: bool) -> None:
    """Make ``name`` of the folder ``source``, which is no folder itself, in ``target``: with owner, mode, times and
    attributes; ``marks``: those of overlayfs, too."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        inside = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=source)
        out = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target)
        try:
            while os.sendfile(out, inside, None, 1 << 26):
                pass
        finally:
            os.close(inside)
            os.close(out)
    elif kind == stat.S_IFLNK:
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if kind != stat.S_IFLNK:
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
    _copy_attributes(f"/proc/self/fd/{source}/{name}", f"/proc/self/fd/{target}/{name}", marks=marks)
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)


def dress_folder(source: int, target: int, *, marks: bool) -> None:
    """Give the folder ``target`` owner, mode, attributes and times of ``source``."""
    status = os.fstat(source)
    os.fchown(target, status.st_uid, status.st_gid)
    os.fchmod(target, stat.S_IMODE(status.st_mode))
    _copy_attributes(source, target, marks=marks)
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))


def _copy_attributes(source: str | int, target: str | int, *, marks: bool) -> None:
    follow = isinstance(source, int)
    for name in os.listxattr(source, follow_symlinks=follow):
        if marks or not name.startswith(("trusted.overlay.", "user.overlay.")):
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=follow), follow_symlinks=follow)
