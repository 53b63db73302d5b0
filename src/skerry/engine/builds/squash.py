"""Several layers as one, and layers anew with other times.

Nobody writes into a layer, so the new one shares the large files of the old; what needs another time is copied.
"""

from __future__ import annotations

import os
import stat

from skerry.engine.builds.commit import set_times
from skerry.engine.builds.root import translated
from skerry.errors import NotFound
from skerry.store.layer_tree import add_tree
from skerry.store.layers import get_layer, layer_dir, own_layer
from skerry.store.sharing import can_link, copy_file, dress_folder
from skerry.store.steps import step
from skerry.store.union import Union, is_whiteout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from skerry.engine.engine import Engine
    from skerry.store.store import Store
    from skerry.store.types import LayerRecord

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BILLION = 1_000_000_000


def squash(engine: Engine, layers: Sequence[str], *, keep: int = 0, clamp_ns: int | None = None) -> LayerRecord:
    """See `Builds.squash`. Killed anywhere: nothing is left but staging."""
    step("build.squash")
    below = Union([layer_dir(engine.store, chain_id) for chain_id in reversed(layers[:keep])]) if keep else None
    parent = layers[keep - 1] if keep else None
    return _made_of(engine, layers[keep:], parent, marks=keep > 0, below=below, clamp_ns=clamp_ns)


def move(engine: Engine, layer: str, layers: Sequence[str]) -> LayerRecord:
    """See `Builds.move`."""
    from skerry.store.layer_relink import relink

    if own_layer(engine.store, layer) is None:  # a new name would change another store's file
        return squash(engine, [*layers, layer], keep=len(layers))
    return relink(engine.store, layer, layers[-1] if layers else None)


def rewrite(engine: Engine, layers: Sequence[str], clamp_ns: int, *, keep: int = 0) -> list[LayerRecord]:
    """See `Builds.rewrite`."""
    parent = layers[keep - 1] if keep else None
    result: list[LayerRecord] = []
    for chain_id in layers[keep:]:
        step("build.rewrite")
        layer = _made_of(engine, [chain_id], parent, marks=True, clamp_ns=clamp_ns)
        parent = layer["chain_id"]
        result.append(layer)
    return result


def _made_of(
    engine: Engine, layers: Sequence[str], parent: str | None, *, marks: bool, clamp_ns: int | None,
    below: Union | None = None,
) -> LayerRecord:  # fmt: skip
    store = engine.store
    latest = None if clamp_ns is None else clamp_ns // _BILLION
    try:
        with store.staging() as staging:
            tree = staging.path + "/tree"
            os.mkdir(tree, 0o755)
            merge = _Merge(store, marks=marks, below=below, clamp_ns=clamp_ns)
            for chain_id in layers:
                if get_layer(store, chain_id) is None:
                    raise NotFound(f"layer {chain_id} does not exist")
                merge.add(layer_dir(store, chain_id), tree, linked=own_layer(store, chain_id) is not None)
            set_times(tree, clamp_ns=clamp_ns, mtime_ns=None)
            return add_tree(store, parent, tree, latest_s=latest)
    except OSError as error:
        raise translated(error, "cannot make a layer of several") from error


class _Merge:
    """Applies layers, the lowest first, to a tree. ``marks``: whiteouts and opaque folders stay, for what is below.

    ``below``: what that is. A whiteout of nothing must not stay: in a folder that only one layer has, overlayfs lists
    it as a file."""

    def __init__(self, store: Store, *, marks: bool, below: Union | None, clamp_ns: int | None) -> None:
        self._marks = marks
        self._below = below
        self._opaque = "user.overlay.opaque" if store.rootless else "trusted.overlay.opaque"
        self._clamp_ns = clamp_ns

    def add(self, layer: str, tree: str, *, linked: bool) -> None:
        """``linked``: its files get new names; else they are copied, since they are another store's."""
        self._linked = linked
        source, target = os.open(layer, _FOLDER), os.open(tree, _FOLDER)
        self._copied: dict[tuple[int, int], tuple[int, str]] = {}  # copies whose other names are to be links
        self._root = target
        try:
            self._folder(source, target, "", covered=False)
            dress_folder(source, target, marks=False)
        finally:
            os.close(source)
            os.close(target)

    def _folder(self, source: int, target: int, path: str, *, covered: bool) -> None:
        """``covered``: a folder around it hides all that is below the tree."""
        if _is_opaque(source):
            for name in os.listdir(target):
                _remove(name, target)
            self._mark_opaque(target)
        covered = covered or _is_opaque(target)
        for name in sorted(os.listdir(source)):
            status = os.stat(name, dir_fd=source, follow_symlinks=False)
            inner = f"{path}/{name}" if path else name
            if is_whiteout(status):
                _remove(name, target)
                if self._marks and not covered and (self._below is None or self._below.stat(inner)):
                    os.mknod(name, stat.S_IFCHR, 0, dir_fd=target)
            elif stat.S_ISDIR(status.st_mode):
                self._inner(name, source, target, inner, covered=covered)
            else:
                _remove(name, target)
                self._file(name, status, source, target, inner)

    def _inner(self, name: str, source: int, target: int, path: str, *, covered: bool) -> None:
        hides = False  # what is below the tree
        try:
            there = os.stat(name, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            os.mkdir(name, 0o700, dir_fd=target)
        else:
            if not stat.S_ISDIR(there.st_mode):
                hides = True
                os.unlink(name, dir_fd=target)
                os.mkdir(name, 0o700, dir_fd=target)
        inner, new = os.open(name, _FOLDER, dir_fd=source), os.open(name, _FOLDER, dir_fd=target)
        try:
            if hides:
                self._mark_opaque(new)
            self._folder(inner, new, path, covered=covered)
            dress_folder(inner, new, marks=False)
        finally:
            os.close(inner)
            os.close(new)

    def _mark_opaque(self, folder: int) -> None:
        if self._marks:
            os.setxattr(folder, self._opaque, b"y")

    def _file(self, name: str, status: os.stat_result, source: int, target: int, path: str) -> None:
        late = self._clamp_ns is not None and status.st_mtime_ns > self._clamp_ns
        if self._linked and not late and can_link(status):
            os.link(name, name, src_dir_fd=source, dst_dir_fd=target, follow_symlinks=False)
            return
        key = (status.st_dev, status.st_ino)
        if key in self._copied:
            os.link(self._copied[key][1], name, src_dir_fd=self._root, dst_dir_fd=target, follow_symlinks=False)
            return
        copy_file(name, status, source, target, marks=False)
        if status.st_nlink > 1:
            self._copied[key] = (target, path)


def _is_opaque(fd: int) -> bool:
    for name in ("trusted.overlay.opaque", "user.overlay.opaque"):
        try:
            if os.getxattr(fd, name) == b"y":
                return True
        except OSError:
            continue  # not set, or not this user's to see
    return False


def _remove(name: str, folder: int) -> None:
    from skerry.store.staging import remove_tree

    try:
        os.unlink(name, dir_fd=folder)
    except FileNotFoundError:
        pass  # the usual case
    except (IsADirectoryError, PermissionError):
        remove_tree(f"/proc/self/fd/{folder}/{name}")
