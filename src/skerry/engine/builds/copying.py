"""COPY and ADD: from trees, inline files and archives into a working root. First `gather`, which says what it would be
(the key); then, if the cache has not got it, `carry_out`."""

from __future__ import annotations

import os
import stat
from hashlib import sha256

from skerry import fastjson
from skerry.engine.builds.errors import Changed
from skerry.engine.builds.fingerprint import Digests, describe
from skerry.engine.builds.modes import Mode
from skerry.engine.builds.place import Metadata, Placer, put, translated
from skerry.engine.builds.select import xattrs_of
from skerry.errors import Conflict, Invalid, NotFound
from skerry.linux.content import nothing
from skerry.records import dataclass, field, replace
from skerry.runtime.users import resolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from skerry.engine.builds.reuse import Reuse
    from skerry.engine.builds.select import Chosen, Item, Tree
    from skerry.engine.engine import Engine


@dataclass(frozen=True, slots=True)
class Inline:
    """A file whose content is at hand (a heredoc, a download). ``name``: what it is called in a folder."""

    name: str
    data: bytes = b""
    path: str = ""  # or a file out here
    digest: str = ""  # SHA-256 of that file, where it is known
    fetch: Callable[[str], tuple[str, int]] | None = None  # brings it: from its digest to (path, time)
    mode: int = 0o644
    mtime_ns: int | None = None  # None: now


@dataclass(slots=True)
class CopyRequest:
    """What a COPY or ADD asks for. ``dest`` is absolute; with a slash at the end (or several sources) a folder."""

    dest: str
    patterns: Sequence[str] = ()
    inline: Sequence[Inline] = ()
    owner: tuple[int, int] | None = (0, 0)  # None: as in the source
    archive_owner: tuple[int, int] | None = None  # of what archives hold; None: as they say
    mode: Mode | None = None
    parents: bool = False
    exclude: Callable[[str], bool] | None = None
    unpack: bool = False  # archives among the files are unpacked
    clamp_ns: int | None = None


@dataclass(slots=True)
class Gathered:
    """What a request amounts to. ``digest`` is all that counts of it; ``files``: for an explanation, path → short
    digest (as many as are shown)."""

    request: CopyRequest
    tree: Tree | None
    chosen: list[Chosen]
    items: list[list[Item]]
    digest: str = ""
    count: int = 0
    size: int = 0  # bytes of all files of the tree
    files: dict[str, str] = field(default_factory=dict)
    empty: bool = False


_SHOWN_FILES = 20000


def gather(engine: Engine, tree: Tree | None, request: CopyRequest) -> Gathered:
    """Find the sources and read what is not known of them. `NotFound`: there is no such source."""
    chosen: list[Chosen] = []
    for pattern in request.patterns:
        assert tree is not None
        chosen += tree.choose(pattern, parents=request.parents)
    whole = sha256()
    found = Gathered(request, tree, chosen, [])
    try:
        if tree is not None:
            digests = Digests(engine, tree)
            for source in chosen:
                items = [*tree.items(source, request.exclude)]
                found.items.append(items)
                digests.learn((*source.above, *items))
                whole.update(fastjson.dumps([source.name, source.is_folder]).encode("utf-8", "surrogateescape"))
                for item in (*source.above, *items):
                    mode = _mode(request, item.status.st_mode)
                    uid, gid = request.owner or (item.status.st_uid, item.status.st_gid)
                    text = fastjson.dumps(describe(tree, item, digests, uid, gid, mode)).encode(
                        "utf-8", "surrogateescape"
                    )
                    whole.update(text)
                    found.count += 1
                    found.size += item.status.st_size
                    if len(found.files) < _SHOWN_FILES:
                        found.files[item.path] = sha256(text).hexdigest()[:32]
            digests.save()
    except OSError as error:
        raise translated(error) from error
    for file in request.inline:
        content = file.digest or sha256(file.data).hexdigest()
        line = fastjson.dumps([file.name, file.mode, request.owner, content]).encode()
        whole.update(line)
        found.count += 1
        found.files[file.name] = sha256(line).hexdigest()[:32]
    found.digest = whole.hexdigest()
    found.empty = not found.count
    return found


def _mode(request: CopyRequest, mode: int) -> int:
    if request.mode is None or stat.S_ISLNK(mode):
        return mode & 0o7777
    return request.mode.apply(mode, folder=stat.S_ISDIR(mode))


def carry_out(
    root: str, gathered: Gathered, *, now_ns: int, into_folder: bool = False, between: Callable[[], None] = nothing,
    reuse: Reuse | None = None,
) -> bool:  # fmt: skip
    """Copy into the tree ``root``. What is in the way is replaced; whether there was nothing of the kind.
    ``between`` is called often, and may raise. ``reuse``: where files may be that need no copy."""
    request = gathered.request
    uid, gid = request.owner or (0, 0)
    into_folder = into_folder or request.dest.endswith("/") or request.dest in ("", "/")
    several = len(gathered.chosen) + len(request.inline) > 1
    with Placer(root, new_folders=Metadata(0o755, uid, gid, now_ns), between=between) as placer:
        placer.replaces_folders = True  # a file of a tree takes the place of a folder, as with Podman
        dest = request.dest.rstrip("/") or "/"
        if placer.kind(dest) != "folder":
            dest = placer.followed(dest)  # as with BuildKit, be what the link leads to not there yet
        for source, items in zip(gathered.chosen, gathered.items, strict=True):
            _copy_source(placer, gathered, source, items, dest, folder=into_folder or several, reuse=reuse)
        for file in request.inline:
            target = dest
            if into_folder or several or placer.kind(dest) == "folder":
                target = f"{dest.rstrip('/')}/{file.name}"
            _write_inline(placer, request, file, target, dest, now_ns)
        if into_folder and not gathered.empty and placer.kind(dest) == "":
            placer.folder(dest, None)
        placer.finish()
        return not placer.replaced


def _write_inline(placer: Placer, request: CopyRequest, file: Inline, target: str, dest: str, now_ns: int) -> None:
    uid, gid = request.owner or (0, 0)
    if file.fetch is not None:
        path, mtime_ns = file.fetch(file.digest)
        file = replace(file, path=path, mtime_ns=mtime_ns)
    how = Metadata(
        request.mode.apply(file.mode, folder=False) if request.mode else file.mode, uid, gid,
        now_ns if file.mtime_ns is None else file.mtime_ns,
    )  # fmt: skip
    if not file.path:
        placer.write(target, [file.data], how)
        return
    fd = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if request.unpack and _is_archive(fd):
            from skerry.engine.builds.unpack import unpack

            placer.folder(dest, None)
            unpack(placer, fd, dest, owner=request.archive_owner)
        else:
            placer.file(target, fd, how)
    finally:
        os.close(fd)


def _copy_source(
    placer: Placer, gathered: Gathered, source: Chosen, items: list[Item], dest: str, *, folder: bool,
    reuse: Reuse | None,
) -> None:  # fmt: skip
    request, tree = gathered.request, gathered.tree
    assert tree is not None
    base = dest.rstrip("/")
    named = bool(source.name) and (request.parents or not source.is_folder)
    if named and (request.parents or folder or placer.kind(dest) == "folder"):
        base = f"{base}/{source.name}"
    for item in source.above:
        target = f"{dest.rstrip('/')}/{item.name}"
        if placer.kind(target) != "folder":
            placer.folder(target, _metadata(request, tree, item))
    links: dict[tuple[int, int], str] = {}
    for item in items:
        target = f"{base}/{item.name}" if item.name else base
        status = item.status
        if item.name == "" and source.is_folder:
            # As with Podman and BuildKit: what is there stays as it is, a new one is plain, whatever its source is like.
            kind = placer.kind(base or "/")
            if kind == "file":
                raise Conflict(f"cannot copy to non-directory: {base}")
            there = kind == "folder"
            uid, gid = request.owner or (0, 0)
            new = _metadata(request, tree, item) if named else Metadata(0o755, uid, gid, status.st_mtime_ns)
            placer.folder(base or "/", None if there else new)
        elif (
            request.unpack
            and stat.S_ISREG(status.st_mode)
            and not source.is_folder
            and _unpacked(placer, tree, item, dest, request)
        ):
            continue
        elif status.st_nlink > 1 and stat.S_ISREG(status.st_mode) and (status.st_dev, status.st_ino) in links:
            placer.hard_link(target, links[status.st_dev, status.st_ino])
        else:
            how = _metadata(request, tree, item)
            if reuse is None or not reuse.link(placer, item, gathered.files.get(item.path), target, how):
                put(placer, tree, item, target, how, check=_require_unchanged)
            links[status.st_dev, status.st_ino] = target


def _is_archive(fd: int) -> bool:
    from skerry.engine.builds.unpack import archive_kind

    return bool(archive_kind(fd))


def _unpacked(placer: Placer, tree: Tree, item: Item, dest: str, request: CopyRequest) -> bool:
    fd = tree.open(item)
    try:
        if not _is_archive(fd):
            return False
        from skerry.engine.builds.unpack import unpack

        placer.folder(dest, None)
        unpack(placer, fd, dest, owner=request.archive_owner)
        _require_unchanged(fd, item)
        return True
    finally:
        os.close(fd)


def _metadata(request: CopyRequest, tree: Tree, item: Item) -> Metadata:
    uid, gid = request.owner or (item.status.st_uid, item.status.st_gid)
    return Metadata(_mode(request, item.status.st_mode), uid, gid, item.status.st_mtime_ns, xattrs_of(tree, item))


def _require_unchanged(fd: int, item: Item) -> None:
    """`Changed` if a file is not as it was when its digest was taken."""
    now, then = os.fstat(fd), item.status
    if (now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (then.st_size, then.st_mtime_ns, then.st_ctime_ns):
        raise Changed(f'"/{item.path}" has changed while it was copied')


def owner_ids(rootfs: str, text: str) -> tuple[int, int]:
    """``--chown``'s user and group in a root file system: names from its own lists; a uid alone is the gid, too."""
    user, colon, group = text.partition(":")
    failed = f'looking up UID/GID for "{text}": can\'t find uid for user {user}'
    if not user:
        raise Invalid(f"{failed}: --chown has none")
    try:
        found = resolve(rootfs, f"{user}:{group}" if colon and group else user)
    except NotFound as error:
        if error.message.startswith("unable to find group"):
            failed = f'looking up UID/GID for "{text}": can\'t find gid for group {group}'
        raise NotFound(f"{failed}: {error.message}") from None
    if not (colon and group) and user.isdigit():
        return found["uid"], found["uid"]
    return found["uid"], found["gid"]
