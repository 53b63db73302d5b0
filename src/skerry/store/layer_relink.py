"""The same layer above another one: its tar and so its DiffID stay, its large files are shared."""

from __future__ import annotations

import os
import stat
import time

from skerry.errors import NotFound
from skerry.store.layer_add import chain_id, commit, existing, translated
from skerry.store.layers import get_layer, layer_folder, own_layer
from skerry.store.sharing import can_link, copy_file, dress_folder
from skerry.store.steps import step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def relink(store: Store, layer: str, parent: str | None) -> LayerRecord:
    """``layer``, which is this store's own, above ``parent``, durable. Killed anywhere: it is whole, or swept."""
    source = own_layer(store, layer)
    if source is None or (parent is not None and get_layer(store, parent) is None):
        raise NotFound(f"layer {layer if source is None else parent} does not exist")
    record: LayerRecord = {
        **source, "chain_id": chain_id(parent, source["diff_id"]), "parent": parent, "created_ns": time.time_ns(),
        "blob": None, "blob_size": None, "blob_media_type": "application/vnd.oci.image.layer.v1.tar",
    }  # fmt: skip
    with store.staging() as staging:
        step("layer.relink")
        folder = staging.path + "/layer"
        os.mkdir(folder, 0o700)
        try:
            _share(layer_folder(store, layer), folder)
            with store.lock("layer", record["chain_id"]):
                return existing(store, record["chain_id"]) or commit(store, record, folder, None)
        except OSError as error:
            raise translated(error, "cannot make a layer of another") from error


def _share(source: str, target: str) -> None:
    """However deep the folders are: two descriptors, and ".." leads back (nobody else changes a layer)."""
    inner, new = os.open(source, _FOLDER), os.open(target, _FOLDER)
    share = _Share(os.dup(new))
    try:
        waiting = [share.files(inner, new)]
        while waiting:
            if waiting[-1]:
                name = waiting[-1].pop()
                os.mkdir(name, 0o700, dir_fd=new)
                inner = _moved(inner, name)
                new = _moved(new, name)
                share.path.append(name)
                waiting.append(share.files(inner, new))
                continue
            waiting.pop()
            if waiting:
                dress_folder(inner, new, marks=True)
                share.path.pop()
                inner = _moved(inner, "..")
                new = _moved(new, "..")
    finally:
        for fd in (inner, new, share.root):
            os.close(fd)


class _Share:
    """``root``: the new tree, ``path``: the folder in it that is being filled. Names of one file stay names of one file."""

    def __init__(self, root: int) -> None:
        self.root = root
        self.path: list[str] = []
        self._copied: dict[int, str] = {}  # the first name of each copy that is to have more

    def files(self, source: int, target: int) -> list[str]:
        """Share what is no folder; the names of those that are."""
        folders = []
        for name in os.listdir(source):
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                folders.append(name)
            elif can_link(status):
                os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            elif first := self._copied.get(status.st_ino):
                os.link(first, name, src_dir_fd=self.root, dst_dir_fd=target, follow_symlinks=False)
            else:
                copy_file(name, status, source, target, marks=True)
                if status.st_nlink > 1:
                    self._copied[status.st_ino] = "/".join([*self.path, name])
        return folders


def _moved(folder: int, name: str) -> int:
    there = os.open(name, _FOLDER, dir_fd=folder)
    os.close(folder)
    return there
