"""How one tree differs from another: what ``diff`` shows."""

from __future__ import annotations

import os
import stat

from skerry.store.layer_add import translated
from skerry.store.union import is_opaque, is_whiteout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from skerry.store.union import Union

    Change = tuple[str, str]  # "A", "C" or "D", and the path from /


def upper_changes(upper: str, lower: Union, ignored: Container[str] = ()) -> list[Change]:
    """What the overlay upper folder ``upper`` (absent: nothing) changes about what is below, by path."""
    if not os.path.isdir(upper):
        return []
    try:
        return sorted(_with_parents(_walk(upper, lower), ignored), key=lambda change: change[1].split("/"))
    except OSError as error:
        raise translated(error, "cannot compare") from error


def _walk(upper: str, lower: Union) -> Iterator[Change]:
    folders = [""]  # not recursion: layers may be deeper than Python's stack
    while folders:
        path = folders.pop()
        folder = upper + "/" + path if path else upper
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
        if path and is_opaque(folder):
            here = {name for name, _status in found}
            yield from (("D", f"/{path}/{name}") for name in lower.names(path) if name not in here)
        for name, status in found:
            inner = f"{path}/{name}" if path else name
            if kind := _kind(lower.stat(inner), status):
                yield kind, "/" + inner
            if stat.S_ISDIR(status.st_mode):
                folders.append(inner)


def _kind(before: os.stat_result | None, status: os.stat_result) -> str:
    if is_whiteout(status):
        return "D"
    if before is None:
        return "A"
    both_folders = stat.S_ISDIR(status.st_mode) and stat.S_ISDIR(before.st_mode)
    return "" if both_folders and not _folder_differs(before, status) else "C"


def _folder_differs(before: os.stat_result, after: os.stat_result) -> bool:
    """A folder is in the upper one as soon as something in it changes; it may itself be as it was."""
    return _essence(before) != _essence(after) or int(before.st_mtime) != int(after.st_mtime)


def _with_parents(changes: Iterator[Change], ignored: Container[str]) -> set[Change]:
    """Without what is ``ignored``. A folder in which something else changed has changed."""
    found = {path: kind for kind, path in changes if path not in ignored}
    for path in list(found):
        parent = path.rpartition("/")[0]
        while parent and parent not in found:
            found[parent] = "C"
            parent = parent.rpartition("/")[0]
    return {(kind, path) for path, kind in found.items() if path not in ignored}


def _essence(status: os.stat_result) -> tuple[int, ...]:
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    rdev = status.st_rdev if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode) else 0
    return status.st_mode, status.st_uid, status.st_gid, size, rdev


def tree_changes(old: Union, new: Union, ignored: Container[str] = ()) -> list[Change]:
    """How the visible tree ``new`` differs from ``old``, by path."""
    try:
        return sorted(_with_parents(_compare(old, new), ignored), key=lambda change: change[1].split("/"))
    except OSError as error:
        raise translated(error, "cannot compare") from error


def _compare(old: Union, new: Union) -> Iterator[Change]:
    folders = [""]
    while folders:
        path = folders.pop()
        before, after = set(old.names(path)), set(new.names(path))
        for name in sorted(before | after):
            inner = f"{path}/{name}" if path else name
            was, now = old.stat(inner), new.stat(inner)
            if now is None:
                yield "D", "/" + inner
                continue
            if was is None:
                yield "A", "/" + inner
            elif old.real(inner) != new.real(inner) and (
                _essence(was) != _essence(now) or int(was.st_mtime) != int(now.st_mtime)
            ):
                yield "C", "/" + inner
            if stat.S_ISDIR(now.st_mode):
                folders.append(inner)
