"""A tree's files into another folder with owners, modes, attributes, links and times.

Neither side is trusted: a container may have the volume already and put links in the way. Both are only ever opened
beneath their tops.
"""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from skerry.engine.builds.place import Metadata, Placer, put, translated
from skerry.engine.builds.select import Chosen, Tree, xattrs_of

if TYPE_CHECKING:
    from skerry.engine.builds.select import Item


def copy_tree(source: int, target: int, *, what: str) -> None:
    """Copy what is in the folder ``source`` (a descriptor) into ``target``, over what is there. ``what`` is said in
    errors: `Unavailable`, `OutOfSpace`, `Conflict`."""
    try:
        with (
            Tree(f"/proc/self/fd/{source}") as tree,
            Placer(f"/proc/self/fd/{target}", new_folders=Metadata(0o755, 0, 0, 0)) as placer,
        ):
            placer.follow_no_links_below("/")  # none of those there is the image's
            placer.replaces_folders = True
            names: dict[tuple[int, int], str] = {}
            for item in tree.items(Chosen("", ".", "", is_folder=True)):
                if item.name:
                    _place(placer, tree, item, names)
            placer.finish()
    except OSError as error:
        said = translated(error)
        said.message = f"{what}: {said.message}"
        raise said from error


def _place(placer: Placer, tree: Tree, item: Item, names: dict[tuple[int, int], str]) -> None:
    status, target = item.status, f"/{item.name}"
    how = Metadata(status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime_ns, xattrs_of(tree, item))
    several = status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode)
    if several and (known := names.get((status.st_dev, status.st_ino))):
        placer.hard_link(target, known)
        return
    put(placer, tree, item, target, how)
    if several:
        names[status.st_dev, status.st_ino] = target
