"""What COPY and ADD mean by their sources: patterns → what there is in a tree, file by file, in a fixed order.

The tree is a context or another stage's root: its links never lead out of it.
"""

from __future__ import annotations

import os
import re
import stat

from skerry.errors import Invalid, NotFound, Unavailable
from skerry.linux.beneath import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_IN_ROOT = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
_WILD = frozenset("*?[\\")


class Chosen:
    """One source: ``path`` in the tree as written, ``real`` with its links resolved, ``name`` under which it is
    copied into a folder ("" for a folder, whose contents are meant), ``is_folder``. ``above``: with --parents the
    folders on the way to it, as items named from the destination on."""

    __slots__ = ("above", "is_folder", "name", "path", "real")

    def __init__(self, path: str, real: str, name: str, *, is_folder: bool, above: Sequence[Item] = ()) -> None:
        self.path, self.real, self.name, self.is_folder, self.above = path, real, name, is_folder, above


class Item:
    """A file below a source. ``name``: its path below the source, "" for the source itself. ``path``: in the tree."""

    __slots__ = ("link", "name", "path", "status", "xattrs")

    def __init__(self, name: str, path: str, status: os.stat_result, link: str) -> None:
        self.name, self.path, self.status, self.link = name, path, status, link
        self.xattrs: dict[str, bytes] | None = None  # once `xattrs_of` has looked


class Tree:
    """A folder to copy from. ``ignored`` says of a relative path whether it is left out, ``may_contain`` of such a
    folder whether something in it is not, ``ignore_file`` where that is said. A context manager."""

    def __init__(
        self, folder: str, *, ignored: Callable[[str], bool] | None = None,
        may_contain: Callable[[str], bool] | None = None, ignore_file: str = "",
    ) -> None:  # fmt: skip
        self.folder = folder
        self.identity = ""  # what it is, where that is known without its files' content
        self._ignore_file = ignore_file
        self._ignored = ignored
        self._may_contain = may_contain
        try:
            self.fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise Unavailable(f"cannot read {folder}: {error.strerror}") from error

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def is_left_out(self, path: str) -> bool:
        """Whether the ignore file says so."""
        return self._ignored is not None and path not in ("", ".") and self._ignored(path)

    def choose(self, pattern: str, *, parents: bool = False) -> list[Chosen]:
        """What a source pattern means, sorted. `NotFound` when it names something that is not there; a wildcard may
        match nothing. With ``parents`` the path itself (behind a ``/./``) is the name."""
        pattern = _within(pattern)
        pivot, _, kept = pattern.partition("/./") if "/./" in pattern else ("", "", pattern)
        wild = any(character in _WILD for character in pattern)
        if not parents:
            whole = _clean(f"{pivot}/{kept}")
            found = [self._chosen(path, wild=wild, pivot=None) for path in self._matching(whole, "", deep=False)]
            return [chosen for chosen in found if chosen is not None]
        return [
            chosen for above in self._matching(_clean(pivot), "", deep=True)
            for chosen in self._with_parents(above, _clean(kept), wild=wild)
        ]  # fmt: skip

    def _with_parents(self, pivot: str, kept: str, *, wild: bool) -> Iterator[Chosen]:
        taken: list[str] = []
        for path in self._matching(kept, pivot, deep=True):
            if any(path.startswith(f"{folder}/") for folder in taken):
                continue  # it comes with the folder
            chosen = self._chosen(path, wild=wild, pivot=pivot)
            if chosen is not None:
                yield chosen
                taken += [path] if chosen.is_folder else []

    def _matching(self, pattern: str, start: str, *, deep: bool) -> list[str]:
        """The paths below ``start`` that a pattern stands for; the one that it is when it has no wildcard."""
        if any(character in _WILD for character in pattern):
            return self._expand(pattern, start, deep=deep)
        return [f"{start}/{pattern}".strip("/")]

    def _chosen(self, path: str, *, wild: bool, pivot: str | None) -> Chosen | None:
        left_out = self.is_left_out(path)
        try:
            fd = openat2(self.fd, path or ".", os.O_PATH, resolve=_IN_ROOT)
        except OSError as error:
            if wild:
                return None  # a link to nowhere, or gone meanwhile
            raise self._not_found(path, error) from None
        try:
            folder = stat.S_ISDIR(os.fstat(fd).st_mode)
            real = self._real(fd)
        finally:
            os.close(fd)
        if left_out and not (folder and self._may_contain is not None and self._may_contain(path)):
            shown = False
        else:  # a folder that is left out is there for what is not, if there is any
            shown = not left_out or next(iter(self._below(real, path, "", None)), None) is not None
        if not shown:
            if wild:
                return None
            raise NotFound(
                f'no items matching glob "{path}" copied (1 filtered out using {self._ignore_file or "the ignore file"}): '
                f'"/{path}": not found: no such file or directory'
            )
        if pivot is not None:
            name = path[len(pivot) :].lstrip("/") if pivot else path
            return Chosen(path, real, name, is_folder=folder, above=self._above(pivot, name))
        return Chosen(path, real, "" if folder else path.rpartition("/")[2], is_folder=folder)

    def _above(self, pivot: str, name: str) -> list[Item]:
        found = []
        for index, character in enumerate(name):
            if character == "/":
                path = f"{pivot}/{name[:index]}".lstrip("/")
                fd = openat2(self.fd, path, os.O_PATH | os.O_DIRECTORY, resolve=_IN_ROOT)
                try:
                    found.append(Item(name[:index], self._real(fd), os.fstat(fd), ""))
                finally:
                    os.close(fd)
        return found

    def _real(self, fd: int) -> str:
        """A descriptor's path in the tree: what links in it led to."""
        try:
            return os.path.relpath(os.readlink(f"/proc/self/fd/{fd}"), os.readlink(f"/proc/self/fd/{self.fd}"))
        except OSError as error:
            raise Unavailable(f"cannot read {self.folder}: {error.strerror}") from error

    def _not_found(self, path: str, error: OSError) -> Exception:
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return NotFound(f'"/{path}": not found: no such file or directory')
        return Unavailable(f'cannot read "/{path}": {error.strerror}')

    def _expand(self, pattern: str, start: str, *, deep: bool) -> list[str]:
        """``deep``: ``**`` stands for any number of folders, none as well."""
        found = [start]
        for part in pattern.split("/"):
            following: list[str] = []
            for folder in found:
                if deep and part == "**":
                    following += self._folders(folder)
                elif not any(character in _WILD for character in part):
                    following.append(f"{folder}/{part}".lstrip("/"))
                else:
                    rule = compile_name(part)
                    following += [f"{folder}/{n}".lstrip("/") for n in self._names(folder) if rule.match(n)]
            found = following
        return sorted(dict.fromkeys(found))

    def _folders(self, folder: str) -> list[str]:
        """It, and all folders below it; links are not followed."""
        found = [folder]
        for name in self._names(folder):
            path = f"{folder}/{name}".lstrip("/")
            if stat.S_ISDIR(os.stat(path, dir_fd=self.fd, follow_symlinks=False).st_mode):
                found += self._folders(path)
        return found

    def _names(self, folder: str) -> list[str]:
        try:
            fd = openat2(self.fd, folder or ".", os.O_RDONLY | os.O_DIRECTORY, resolve=_IN_ROOT)
        except OSError:
            return []
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def items(self, chosen: Chosen, exclude: Callable[[str], bool] | None = None) -> Iterator[Item]:
        """The source itself and all that is below it, sorted, folders before what is in them. Sockets are left out, and
        what the ignore file and ``exclude`` (of paths below the source, or its name) say."""
        fd = self._open(chosen.real, os.O_PATH | os.O_NOFOLLOW)
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        if exclude is not None and not chosen.is_folder and (exclude(chosen.name) or exclude(chosen.path)):
            return
        yield Item("", chosen.real, status, "")
        if chosen.is_folder:
            # With --parents patterns are of the path from the pivot on, else from the folder on.
            start = f"{chosen.name}/" if chosen.name else ""
            within = exclude and (lambda path: exclude(start + path))
            yield from self._below(chosen.real if chosen.real != "." else "", chosen.path, "", within)

    def _below(self, real: str, shown: str, name: str, exclude: Callable[[str], bool] | None) -> Iterator[Item]:
        """Depth first, by a stack: folders may be deeper than Python calls itself."""
        stack = [(real, shown, name, iter(self._entries(real, shown)))]
        while stack:
            real, shown, name, entries = stack[-1]
            entry = next(entries, None)
            if entry is None:
                stack.pop()
                continue
            part, status, link = entry
            path = f"{real}/{part}".lstrip("/")
            seen = f"{shown}/{part}".lstrip("/")
            below = f"{name}/{part}".lstrip("/")
            folder = stat.S_ISDIR(status.st_mode)
            out = self.is_left_out(seen)
            if (out and not (folder and self._may_contain is not None and self._may_contain(seen))) or (
                exclude is not None and exclude(below)
            ):
                continue
            if stat.S_ISSOCK(status.st_mode):
                continue
            if not out:
                yield Item(below, path, status, link)
            if folder:
                stack.append((path, seen, below, iter(self._entries(path, seen))))

    def _entries(self, real: str, shown: str) -> list[tuple[str, os.stat_result, str]]:
        """Name, status and link's target of all that is in a folder."""
        found = []
        try:
            fd = self._open(real or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                for name in sorted(os.listdir(fd)):
                    try:
                        status = os.stat(name, dir_fd=fd, follow_symlinks=False)
                        link = os.readlink(name, dir_fd=fd) if stat.S_ISLNK(status.st_mode) else ""
                    except FileNotFoundError:
                        continue  # removed meanwhile
                    found.append((name, status, link))
            finally:
                os.close(fd)
        except OSError as error:
            raise Unavailable(f'cannot read "/{shown}": {error.strerror}') from error
        return found

    def _open(self, path: str, flags: int) -> int:
        """Also where a process puts links in the place of folders meanwhile, nothing outside of the tree is opened."""
        return openat2(self.fd, path, flags, resolve=_IN_ROOT)

    def read_xattrs(self, item: Item) -> dict[str, bytes]:
        """See `xattrs_of`."""
        try:
            fd = self._open(item.path, os.O_PATH | os.O_NOFOLLOW)
        except OSError:
            return {}  # gone meanwhile
        try:
            return read_xattrs(f"/proc/self/fd/{fd}")
        finally:
            os.close(fd)

    def open(self, item: Item) -> int:
        """A regular file, to read; what has become something else meanwhile is refused."""
        try:
            fd = self._open(item.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise Unavailable(f'cannot read "/{item.path}": {error.strerror}') from error
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise Unavailable(f'"/{item.path}" has changed while it was copied')
        return fd


def _within(pattern: str) -> str:
    """A pattern relative to the tree's root; `Invalid` for one with a NUL."""
    if "\0" in pattern:
        raise Invalid("a source has a NUL character in its name")
    return pattern.lstrip("/")


def _clean(path: str) -> str:
    """Without empty and ``.`` parts; ``..`` stops at the root."""
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def compile_name(pattern: str) -> re.Pattern[str]:
    """Go's filepath.Match for one part of a path. `Invalid` for a malformed one."""
    out, index = ["\\A"], 0
    try:
        while index < len(pattern):
            character = pattern[index]
            index += 1
            if character == "*":
                out.append("[^/]*")
            elif character == "?":
                out.append("[^/]")
            elif character == "[":
                text, index = _class(pattern, index)
                out.append(text)
            else:
                if character == "\\":
                    character, index = pattern[index], index + 1
                out.append(re.escape(character))
    except (IndexError, ValueError):
        raise Invalid(f'syntax error in pattern "{pattern}"') from None
    return re.compile("".join(out) + "\\Z", re.DOTALL)


def _class(pattern: str, index: int) -> tuple[str, int]:
    """``[^a-z]`` from behind its bracket on, and where it ends. Not as in other patterns: ``!`` is a character, ``]`` and
    ``-`` stand for themselves only behind a backslash, and an empty range matches nothing."""
    negated = pattern[index] == "^"
    index += negated
    ranges: list[str] = []
    empty = True
    while empty or pattern[index] != "]":
        empty = False
        low, index = _class_character(pattern, index)
        high = low
        if pattern[index] == "-":
            high, index = _class_character(pattern, index + 1)
        if low <= high:
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    if not ranges:
        return ("[^/]" if negated else "(?!)"), index + 1
    return f"[{'^/' if negated else ''}{''.join(ranges)}]", index + 1


def _class_character(pattern: str, index: int) -> tuple[str, int]:
    character = pattern[index]
    if character in "-]":
        raise ValueError(character)
    if character == "\\":
        index += 1
        character = pattern[index]
    return character, index + 1


def xattrs_of(tree: Tree, item: Item) -> dict[str, bytes]:
    """A file's extended attributes that a layer can hold, as they were when they were first asked for."""
    if item.xattrs is None:
        item.xattrs = tree.read_xattrs(item)
    return item.xattrs


def read_xattrs(path: str | int) -> dict[str, bytes]:
    """Those that a layer can hold, of a path or a descriptor."""
    found: dict[str, bytes] = {}
    try:
        for name in sorted(os.listxattr(path)):
            ours = name.startswith("user.overlay.")
            if name == "security.capability" or (name.startswith("user.") and not ours):
                found[name] = os.getxattr(path, name)
    except OSError:
        return found  # none on this file system, or not ours to read
    return found
