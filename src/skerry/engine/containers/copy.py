"""``skerry cp``: files between a container and the host, two containers, a tar on a stream. Rules as Podman's.

All that is in a container is opened beneath its root without leaving it: what its processes do to links meanwhile cannot
lead a copy to the host's files.
"""

from __future__ import annotations

import errno
import os
import stat
import tarfile
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

from skerry.engine.builds.place import Metadata, Placer, put, translated
from skerry.engine.builds.select import Tree, xattrs_of
from skerry.engine.builds.unpack import archive_kind, unpack
from skerry.engine.containers.copy_ends import Place
from skerry.engine.containers.whole_root import in_whole_root
from skerry.errors import Conflict, Invalid, NotFound, SkerryError, Unavailable
from skerry.runtime import users
from skerry.store.steps import step

if TYPE_CHECKING:
    from collections.abc import Callable

    from skerry.engine.builds.select import Chosen, Item
    from skerry.engine.engine import Engine

Owner = tuple[int, int]


def copy(
    engine: Engine, sources: list[str], dest: str, *, archive: bool = True, overwrite: bool = False,
    stdin: BinaryIO | None = None, stdout: int = 1,
) -> None:  # fmt: skip
    """Copy each source to ``dest``; ``-`` is a tar on ``stdin`` or ``stdout``. `NotFound`, `Invalid`, `Conflict`."""
    if dest == "-":
        _to_tar(engine, Place(engine, sources[0]), stdout)
        return
    target = Place(engine, dest)
    if sources in (["-"], ["/dev/stdin"]):
        assert stdin is not None
        data = stdin
        _into(engine, target, lambda root, live: _from_tar(engine, target, root, live, data, archive=archive))
        return
    for source in sources:
        origin = Place(engine, source)
        if origin.container is None and target.container is None:
            raise Invalid("must specify at least one container source or destination", hint="CONTAINER:PATH")

        def between(root: str, live: bool, origin: Place = origin) -> None:
            _with_root(engine, origin, lambda top, _live: _copy(
                top, origin, root, target, live=live, archive=archive, several=len(sources) > 1, overwrite=overwrite,
            ))  # fmt: skip

        _into(engine, target, between)


def _with_root(engine: Engine, place: Place, work: Callable[[str, bool], None], *, writes: bool = False) -> None:
    try:
        if place.container is None:
            work("/", False)
        else:
            in_whole_root(engine, place.container, work, writes=writes)
    except OSError as error:
        raise translated(error) from error


def _into(engine: Engine, target: Place, work: Callable[[str, bool], None]) -> None:
    """`_with_root`; what nobody may write to is told in Podman's words."""
    try:
        _with_root(engine, target, work, writes=True)
    except Unavailable as error:
        if target.container is None or getattr(error.__cause__, "errno", 0) != errno.EROFS:
            raise
        raise Unavailable(f'"{target.path}" of the container: cannot copy into a read-only mount') from error


def _owner(target: Place, root: str, *, live: bool, archive: bool) -> Owner | None:
    """Who what is copied belongs to: the container's user, or on the host us; None: as at its source."""
    if not archive:
        return None
    if target.container is None:
        return os.geteuid(), os.getegid()
    config = target.container["config"]
    user = users.resolve(root, config["user"], [])
    if live and config.get("uid_maps"):
        from skerry.engine.containers.mapped import owner_outside

        return owner_outside(config, user["uid"], user["gid"])
    return user["uid"], user["gid"]


def _maker(target: Place, *, live: bool) -> AbstractContextManager[None]:
    """Where a running container has ids of its own, only who has one of them can make files in it."""
    if live and target.container is not None and target.container["config"].get("uid_maps"):
        from skerry.engine.containers.mapped import owner_outside
        from skerry.linux.idmap import FilesMadeAs

        return FilesMadeAs(*owner_outside(target.container["config"], 0, 0))
    return nullcontext()


def _copy(
    top: str, origin: Place, root: str, target: Place, *, live: bool, archive: bool, several: bool,
    overwrite: bool,
) -> None:  # fmt: skip
    owner = _owner(target, root, live=live, archive=archive)
    path = origin.absolute
    with Tree(top) as tree, _maker(target, live=live):
        chosen = _chosen(tree, origin, path)
        with Placer(root, new_folders=Metadata(0o755, *(owner or (0, 0)), 0)) as placer:
            for source in chosen:
                contents = path.endswith("/.") or path == "."
                base = _destination(placer, target, source, contents=contents, several=several or len(chosen) > 1)
                if target.container is None:
                    # A link below may be one that an earlier copy brought, or a container's that has the folder too.
                    placer.follow_no_links_below(_clean(target.absolute))
                # On the host Podman counts from the folder that is copied into.
                above = len(base.rpartition("/")[0]) if target.container is None else 0
                _place_all(placer, tree, source, base, owner, overwrite=overwrite, above=above)
            placer.finish()


def _chosen(tree: Tree, origin: Place, path: str) -> list[Chosen]:
    """The source, by that very name: patterns are the shell's affair, as with Podman."""
    try:
        found = tree.choose(_literal(path))
    except NotFound:
        raise origin.missing(origin.path) from None
    if not found:
        raise origin.missing(origin.path)
    return found


def _literal(path: str) -> str:
    return "".join(f"\\{character}" if character in "*?[\\" else character for character in path)


def _destination(placer: Placer, target: Place, source: Chosen, *, contents: bool, several: bool) -> str:
    """Where a source goes: into a folder that is there, else under the name that is given."""
    dest = target.absolute
    plain = _clean(dest)
    if target.container is None and os.path.exists(dest) and not (os.path.isdir(dest) or os.path.isfile(dest)):
        raise Invalid(f'invalid destination: "{target.path}" must be a directory or a regular file')
    kind = placer.kind(plain)
    name = source.path.rpartition("/")[2]
    if kind == "folder":
        return plain if source.is_folder and contents else f"{plain.rstrip('/')}/{name}" if name else plain
    if several:
        raise (
            target.missing(target.path)
            if not kind
            else Invalid(f'"{target.path}" must be a folder for several sources')
        )
    if kind == "file":
        if source.is_folder or dest.endswith("/"):
            raise Invalid(
                "destination must be a directory when copying a directory"
                if source.is_folder
                else f'"{target.path}" is not a directory'
            )
        return placer.followed(plain)
    if dest.endswith("/") and not source.is_folder:
        raise target.missing(target.path)
    if not source.is_folder:
        plain = placer.followed(plain)
    above = plain.rpartition("/")[0] or "/"
    if placer.kind(above) != "folder":
        raise target.missing(target.path)
    return plain


def _clean(path: str) -> str:
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def _place_all(
    placer: Placer, tree: Tree, source: Chosen, base: str, owner: Owner | None, *, overwrite: bool, above: int
) -> None:  # fmt: skip
    """``above``: how many characters of a path errors leave out."""
    links: dict[tuple[int, int], str] = {}
    for item in tree.items(source, _left_out(source)):
        target = f"{base.rstrip('/')}/{item.name}" if item.name else base
        status = item.status
        if not item.name and source.is_folder and placer.kind(target) == "folder":
            continue  # the folder that is copied into stays as it is
        if overwrite:
            _make_way(placer, target, folder=stat.S_ISDIR(status.st_mode))
        elif stat.S_ISDIR(status.st_mode) and placer.is_taken(target):
            raise _in_the_way(target, "mkdir", above)
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1 and (status.st_dev, status.st_ino) in links:
            placer.hard_link(target, links[status.st_dev, status.st_ino])
            continue
        how = Metadata(
            status.st_mode & 0o7777, *(owner or (status.st_uid, status.st_gid)), status.st_mtime_ns,
            xattrs_of(tree, item),
        )  # fmt: skip
        try:
            step("copy.place")
            put(placer, tree, item, target, how)
        except Conflict:
            raise _in_the_way(target, "open", above) from None
        links[status.st_dev, status.st_ino] = target


def _left_out(source: Chosen) -> Callable[[str], bool] | None:
    """Of a whole root, what is the kernel's: its files have no end, or change things when they are read."""
    if not source.is_folder or source.real != ".":
        return None
    return lambda name: name in ("dev", "proc", "sys")


def _in_the_way(target: str, call: str, above: int) -> Conflict:
    """A folder where a file shall be, or the other way round; in Podman's words."""
    return Conflict(f'error creating "{target[above:]}": {call} {target}: file exists', hint="--overwrite")


def _make_way(placer: Placer, target: str, *, folder: bool) -> None:
    """--overwrite: a folder gives way to a file."""
    if not folder and placer.kind(target) == "folder":
        placer.remove(target)


def _from_tar(engine: Engine, target: Place, root: str, live: bool, stream: BinaryIO, *, archive: bool) -> None:
    """Unpack a tar, plain or compressed, into a folder that is there."""
    owner = _owner(target, root, live=live, archive=archive)
    new_folders = Metadata(0o755, *(owner or (0, 0)), 0)
    with Placer(root, new_folders=new_folders) as placer:
        dest = _clean(target.absolute)
        if placer.kind(dest) != "folder":
            raise Invalid("destination must be a directory when copying from stdin")
        with engine.store.staging() as staging, open(f"{staging.path}/archive", "w+b") as file:
            while chunk := stream.read(1 << 20):
                file.write(chunk)
            file.seek(0)
            if not archive_kind(file.fileno()):
                raise Invalid("source must be a (compressed) tar archive when copying from stdin")
            with _maker(target, live=live):
                unpack(placer, file.fileno(), dest, owner=owner, devices=True)
                placer.finish()


def _to_tar(engine: Engine, origin: Place, fd: int) -> None:
    """Write a container's file or folder as a tar, under its own name."""
    if origin.container is None:
        raise Invalid("must specify at least one container source or destination", hint="CONTAINER:PATH")

    def write(root: str, _live: bool) -> None:
        path = origin.absolute
        with Tree(root) as tree, os.fdopen(os.dup(fd), "wb") as out, tarfile.open(fileobj=out, mode="w|") as tar:
            for source in _chosen(tree, origin, path):
                inside = path.endswith("/.") or not source.path
                base = "." if inside else source.path.rpartition("/")[2]
                for item in tree.items(source, _left_out(source)):
                    _add(tar, tree, item, f"{base}/{item.name}" if item.name else base)

    try:
        _with_root(engine, origin, write)
    except tarfile.TarError as error:
        raise SkerryError(f"cannot write the tar: {error}") from error


def _add(tar: tarfile.TarFile, tree: Tree, item: Item, name: str) -> None:
    status = item.status
    info = tarfile.TarInfo(name)
    info.mode, info.uid, info.gid, info.mtime = status.st_mode & 0o7777, status.st_uid, status.st_gid, status.st_mtime
    if stat.S_ISREG(status.st_mode):
        fd = tree.open(item)
        with os.fdopen(fd, "rb") as file:
            info.size = os.fstat(fd).st_size
            tar.addfile(info, file)
        return
    kinds = {stat.S_IFDIR: tarfile.DIRTYPE, stat.S_IFLNK: tarfile.SYMTYPE, stat.S_IFIFO: tarfile.FIFOTYPE,
             stat.S_IFCHR: tarfile.CHRTYPE, stat.S_IFBLK: tarfile.BLKTYPE}  # fmt: skip
    info.type = kinds[stat.S_IFMT(status.st_mode)]
    info.linkname = item.link
    if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
        info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
    tar.addfile(info)
