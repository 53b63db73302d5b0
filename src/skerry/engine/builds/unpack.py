"""ADD's archives: a tar, plain or compressed, unpacked into a working root."""

from __future__ import annotations

import os
import stat

from skerry.engine.builds.place import Metadata
from skerry.errors import Corrupt, Invalid
from skerry.store.archive import header
from skerry.store.archive.decompress import decompressed
from skerry.store.archive.reader import entries
from skerry.store.archive.source import Source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from skerry.engine.builds.place import Placer
    from skerry.store.archive.header import Entry

_MAGIC = ((b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"\x28\xb5\x2f\xfd", "zstd"))
_NODES = {header.CHARACTER: stat.S_IFCHR, header.BLOCK: stat.S_IFBLK, header.FIFO: stat.S_IFIFO}


def archive_kind(fd: int) -> str:
    """How a file is compressed if it is an archive ("tar" for not at all); empty for what is none. Its position stays."""
    start = os.pread(fd, 512, 0)
    for magic, name in _MAGIC:
        if start.startswith(magic):
            return name if _holds_tar(fd, name) else ""
    return "tar" if _is_header(start) else ""


def _is_header(block: bytes) -> bool:
    if len(block) < 512 or not block.strip(b"\0"):
        return False
    try:
        header.parse(block)
    except (Corrupt, ValueError):
        return False
    return True


def _holds_tar(fd: int, kind: str) -> bool:
    try:
        block = b""
        for piece in _plain(fd, kind):
            block += piece
            if len(block) >= 512:
                break
    except (Corrupt, OSError, EOFError, ValueError):
        return False
    finally:
        os.lseek(fd, 0, os.SEEK_SET)
    return _is_header(block[:512])


def _plain(fd: int, kind: str) -> Iterator[bytes]:
    def chunks() -> Iterator[bytes]:
        while chunk := os.read(fd, 1 << 18):
            yield chunk

    if kind == "tar":
        return chunks()
    if kind in ("gzip", "zstd"):
        return decompressed(chunks(), kind)
    return _by_library(fd, kind)


def _by_library(fd: int, kind: str) -> Iterator[bytes]:
    import bz2
    import lzma

    with open(fd, "rb", closefd=False) as raw:
        file = bz2.open(raw) if kind == "bzip2" else lzma.open(raw)
        try:
            while chunk := file.read(1 << 18):
                yield chunk
        except (OSError, EOFError, lzma.LZMAError) as error:
            raise Corrupt(f"the archive is damaged: {error}") from None


def unpack(placer: Placer, fd: int, dest: str, *, owner: tuple[int, int] | None, devices: bool = False) -> None:
    """Unpack below ``dest``, over what is there. ``devices``: and fifos, too, which ADD leaves out. ``owner``: of all, else as the archive has it.
    `Corrupt` for a damaged archive, `Invalid` for a name that leads out of it."""
    kind = archive_kind(fd)
    os.lseek(fd, 0, os.SEEK_SET)
    plain = _plain(fd, kind)
    source = Source(lambda: next(plain, b""))
    base = dest.rstrip("/")
    placer.replaces_folders = True
    try:
        for entry in entries(source, lambda _data: None):
            if entry.kind in _NODES and not devices:
                continue
            name = _name(entry.name)
            target = f"{base}/{name}" if name else base or "/"
            uid, gid = owner or (entry.uid, entry.gid)
            xattrs = {os.fsdecode(key): value for key, value in (entry.xattrs or {}).items()}
            _place(placer, source, entry, target, base, Metadata(entry.mode, uid, gid, entry.mtime_ns, xattrs))
    finally:
        placer.replaces_folders = False


def _place(placer: Placer, source: Source, entry: Entry, target: str, base: str, how: Metadata) -> None:
    if entry.kind == header.FOLDER:
        placer.folder(target, how)
    elif entry.kind == header.SYMLINK:
        placer.link(target, os.fsdecode(entry.link), how)
    elif entry.kind == header.HARDLINK:
        placer.hard_link(target, f"{base}/{_name(entry.link)}")
    elif entry.kind in _NODES:
        placer.node(target, _NODES[entry.kind], os.makedev(entry.major, entry.minor), how)
    elif entry.sparse is not None:
        out = placer.open_new(target)
        try:
            for offset, size in entry.sparse:
                for piece in source.pieces(size):
                    os.pwrite(out, piece, offset)
                    offset += len(piece)
            os.ftruncate(out, entry.real_size)
            placer.finish_file(out, how)
        finally:
            os.close(out)
    else:
        placer.write(target, source.pieces(entry.size), how)


def _name(name: bytes) -> str:
    parts = [part for part in os.fsdecode(name).split("/") if part not in ("", ".")]
    if ".." in parts:
        raise Invalid(f"the archive has an entry that leads out of it: {os.fsdecode(name)!r}")
    return "/".join(parts)
