"""A COPY again after a few of its files changed: the others are shared with the layer that it made the last time.

The large ones are linked from there instead of written once more: no bytes, no room. That is right where nobody can
tell: the same content, attributes, owner, mode and time, in a folder that this very step makes. Layers are never written
to.
"""

from __future__ import annotations

import os
import stat

from skerry.linux.beneath import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, openat2
from skerry.store.sharing import can_link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from skerry.engine.builds.place import Metadata, Placer
    from skerry.engine.builds.select import Item

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class Reuse:
    """``layer``: the tree of the layer from the last time, ``files`` what it was made of (as `Gathered.files`), ``upper``
    where the new one is written, below its mount. Only for a layer that a `Placer` wrote which replaced nothing
    (``replaced``): then each of its files is the one that its place in the source says. A context manager."""

    def __init__(self, layer: str, files: Mapping[str, str], upper: str) -> None:
        self._files = files
        self._tops = [os.open(path, os.O_PATH | _FOLDER) for path in (layer, upper)]
        self._above, self._open = "", [-1, -1]
        self._taken: set[int] = set()

    def __enter__(self) -> Reuse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for fd in self._tops:
            os.close(fd)

    def link(self, placer: Placer, item: Item, digest: str | None, target: str, how: Metadata) -> bool:
        """Make ``target`` the file of the last time, if that is what ``item`` is. False: it must be copied."""
        above, _, name = target.rpartition("/")
        if digest is None or self._files.get(item.path) != digest or above not in placer.made:
            return False
        try:
            if above != self._above:
                self._enter(above)
            before = os.stat(name, dir_fd=self._open[0], follow_symlinks=False)
            if not can_link(before) or not _is(before, item, how) or before.st_ino in self._taken:
                return False
            os.link(name, name, src_dir_fd=self._open[0], dst_dir_fd=self._open[1], follow_symlinks=False)
        except OSError:
            return False  # it is not there, was removed meanwhile, or has all the names that it can have
        self._taken.add(before.st_ino)  # two files of the source never become one here
        return True

    def _enter(self, folder: str) -> None:
        self._close()
        self._open = [
            openat2(top, folder.lstrip("/"), _FOLDER, resolve=RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS)
            for top in self._tops
        ]
        self._above = folder

    def _close(self) -> None:
        for fd in self._open:
            if fd >= 0:
                os.close(fd)
        self._above, self._open = "", [-1, -1]


def _is(before: os.stat_result, item: Item, how: Metadata) -> bool:
    return (
        stat.S_ISREG(before.st_mode)
        and before.st_size == item.status.st_size
        and before.st_mtime_ns == how.mtime_ns
        and (stat.S_IMODE(before.st_mode), before.st_uid, before.st_gid) == (how.mode, how.uid, how.gid)
    )
