"""``--volume FOLDER:TARGET:O``: a step may write into a folder of the host's, and nothing of it stays; or, with
``upperdir=…,workdir=…``, it stays there."""

from __future__ import annotations

import os

from skerry.engine.builds.root import translated
from skerry.errors import Invalid
from skerry.store.overlay import mount_overlay, umount
from skerry.store.staging import remove_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.store.store import Store


class Overlaid:
    """An overlay above ``source`` in ``folder``, mounted at ``path`` until `close`. Of a builder that was killed it goes
    with the working root that the folder is in."""

    def __init__(self, store: Store, folder: str, source: str, options: Sequence[str] = ()) -> None:
        if not os.path.isdir(source):
            raise Invalid(f"{source} is no folder: only a folder can be mounted with the option O")
        self._folder, self.path = folder, folder + "/merged"
        status = os.stat(source)
        try:
            os.makedirs(folder, mode=0o711)
            for name in ("upper", "work", "merged"):
                os.mkdir(f"{folder}/{name}", 0o700)
            os.chown(folder + "/upper", status.st_uid, status.st_gid)
            os.chmod(folder + "/upper", status.st_mode & 0o7777)
        except OSError as error:
            raise translated(error, "cannot prepare a volume") from error
        given = dict(word.partition("=")[::2] for word in options)
        upper, work = given.get("upperdir", ""), given.get("workdir", "")
        if upper:
            mount_overlay(
                store, self.path, [], lowers=[source], upper=os.path.abspath(upper), work=os.path.abspath(work)
            )
        else:
            mount_overlay(
                store, self.path, [], lowers=[source], upper=folder + "/upper", work=folder + "/work", volatile=True
            )

    def close(self) -> None:
        """Unmount it, and forget what was written."""
        umount(self.path)
        remove_tree(self._folder)
