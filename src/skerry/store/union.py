"""What a stack of layers amounts to, looked up in their folders without mounting them."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OPAQUE = ("trusted.overlay.opaque", "user.overlay.opaque")
_CACHED = 4096


class Union:
    """The tree that overlayfs would show of ``folders``, the uppermost first. Paths are relative, "" is the root.

    Nothing is followed: a path through a symbolic link does not exist."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._found: dict[str, list[str]] = {"": [folder for folder in folders if os.path.isdir(folder)]}

    def stat(self, path: str) -> os.stat_result | None:
        """lstat of what is visible at ``path``; None when nothing is."""
        for candidate in self._candidates(path):
            status = _lstat(candidate)
            if status is not None:
                return None if is_whiteout(status) else status
        return None

    def names(self, path: str) -> list[str]:
        """What is in the folder ``path``, sorted."""
        names: set[str] = set()
        hidden: set[str] = set()
        for folder in self._merged(path):
            with os.scandir(folder) as entries:
                here = [(entry.name, is_whiteout(entry.stat(follow_symlinks=False))) for entry in entries]
            names.update(name for name, gone in here if not gone and name not in hidden)
            hidden.update(name for name, _gone in here)
        return sorted(names)

    def real(self, path: str) -> str | None:
        """The file in a layer that ``path`` shows."""
        for candidate in self._candidates(path):
            status = _lstat(candidate)
            if status is not None:
                return None if is_whiteout(status) else candidate
        return None

    def _candidates(self, path: str) -> list[str]:
        if not path:
            return self._found[""]
        parent, _, name = path.rpartition("/")
        return [folder + "/" + name for folder in self._merged(parent)]

    def _merged(self, path: str) -> list[str]:
        """The folders that are merged at ``path``, the uppermost first."""
        known = self._found.get(path)
        if known is not None:
            return known
        merged: list[str] = []
        for candidate in self._candidates(path):
            status = _lstat(candidate)
            if status is None:
                continue
            if not stat.S_ISDIR(status.st_mode):
                break  # it hides what lies below
            merged.append(candidate)
            if is_opaque(candidate):
                break
        if len(self._found) > _CACHED:
            self._found = {"": self._found[""]}
        self._found[path] = merged
        return merged


def is_whiteout(status: os.stat_result) -> bool:
    """Whether it is overlayfs's mark of something removed."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def is_opaque(path: str) -> bool:
    """Whether a folder hides what lower layers have there."""
    for name in _OPAQUE:
        try:
            if os.getxattr(path, name, follow_symlinks=False) == b"y":
                return True
        except OSError:
            continue  # not set, or not this user's to see
    return False


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
