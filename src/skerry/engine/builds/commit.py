"""What was written in a working root becomes a layer, in place: hashed as the tar that it would be, and moved."""

from __future__ import annotations

import os
import stat

from skerry.engine.builds.root import translated
from skerry.store.layer_tree import add_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.engine.builds.root import WorkingRoot
    from skerry.store.types import LayerRecord

_BILLION = 1_000_000_000


def commit(root: WorkingRoot, *, clamp_ns: int | None = None, mtime_ns: int | None = None) -> LayerRecord | None:
    """See `WorkingRoot.commit`. Killed anywhere: the layer is whole, or swept."""
    root.unmount()
    try:
        if not os.listdir(root.upper):
            return None
        set_times(root.upper, clamp_ns=clamp_ns, mtime_ns=mtime_ns)
        status = os.stat(root.upper)
        latest = mtime_ns if mtime_ns is not None else clamp_ns
        parent = root.layers[-1] if root.layers else None
        layer = add_tree(
            root.engine.store,
            parent,
            root.upper,
            latest_s=None if latest is None else latest // _BILLION,
            between=root.engine.builds.check_cancelled,
        )
        os.mkdir(root.upper, 0o755)
        os.chown(root.upper, status.st_uid, status.st_gid)
        os.chmod(root.upper, stat.S_IMODE(status.st_mode))
    except OSError as error:
        raise translated(error, "cannot make a layer") from error
    return layer


def set_times(tree: str, *, clamp_ns: int | None, mtime_ns: int | None) -> None:
    """Give every file below ``tree`` the time ``mtime_ns``, or none that is later than ``clamp_ns``: the files of the
    layer shall be as its tar says."""
    if clamp_ns is None and mtime_ns is None:
        return
    # Bottom up: what happens in a folder changes its time.
    for folder, folders, files, fd in os.fwalk(tree, topdown=False, follow_symlinks=False):
        del folder
        for name in (*files, *folders):
            status = os.stat(name, dir_fd=fd, follow_symlinks=False)
            if stat.S_ISCHR(status.st_mode) and status.st_rdev == 0:
                continue  # a whiteout
            wanted = mtime_ns if mtime_ns is not None else clamp_ns
            assert wanted is not None
            if mtime_ns is not None or status.st_mtime_ns > wanted:
                os.utime(name, ns=(wanted, wanted), dir_fd=fd, follow_symlinks=False)
