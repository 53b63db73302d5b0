"""A name that an archive gives twice: the later entry wins, the earlier one's data is kept for the recipe."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.archive.extract import Extractor
    from skerry.store.archive.folders import Folder


def make_room(extractor: Extractor, parent: Folder, base: bytes) -> None:
    """Take away what is at ``base``. Data that the tar's recipe speaks of moves to the ``kept`` folder."""
    status = os.stat(base, dir_fd=parent.fd, follow_symlinks=False)
    folder = stat.S_ISDIR(status.st_mode)
    if not folder and not (stat.S_ISREG(status.st_mode) and status.st_size):
        os.unlink(base, dir_fd=parent.fd)
        if stat.S_ISLNK(status.st_mode):
            extractor.folders.forget(parent)
        return
    os.makedirs(extractor.kept, mode=0o700, exist_ok=True)
    number = extractor.replaced
    extractor.replaced += 1
    os.rename(base, os.path.join(os.fsencode(extractor.kept), b"%d" % number), src_dir_fd=parent.fd)
    extractor.recipe.moved(number, parent.join(base))
    if folder:
        extractor.folders.forget(parent)
