"""One 512-byte tar header: old v7, ustar, star, GNU; octal and base-256 numbers.

Fields are what POSIX.1-2017 (pax) and GNU tar's manual ("Basic Tar Format") say; where readers differ (data of
links, unknown types) this one does what Go's archive/tar does, which wrote most of the layers there are.
"""

from __future__ import annotations

import struct
from zlib import adler32

from skerry.errors import Corrupt
from skerry.store.archive.names import quoted

_HEADER = struct.Struct("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s")
_ADLER = 65521

REGULAR, HARDLINK, SYMLINK, CHARACTER, BLOCK, FOLDER, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
SPARSE = b"S"
HEADER_ONLY = frozenset((HARDLINK, SYMLINK, CHARACTER, BLOCK, FOLDER, FIFO))


class Entry:
    """One member of an archive. ``size`` is its data in the archive, ``real_size`` that of the (sparse) file."""

    __slots__ = (
        "gid", "kind", "link", "major", "minor", "mode", "mtime_ns", "name", "real_size", "size", "sparse", "uid",
        "xattrs",
    )  # fmt: skip

    name: bytes
    link: bytes
    kind: bytes
    mode: int
    uid: int
    gid: int
    size: int
    real_size: int
    mtime_ns: int
    major: int
    minor: int
    xattrs: dict[bytes, bytes] | None
    sparse: list[tuple[int, int]] | None


def parse(block: bytes) -> Entry:
    """The entry that ``block`` describes by itself; extension headers are applied by the reader."""
    (name, mode, uid, gid, size, mtime, checksum, kind, link, magic, _, _, major, minor, prefix, tail) = _HEADER.unpack(
        block
    )
    _verify(block, checksum, name)
    entry = Entry()
    entry.xattrs = entry.sparse = None
    entry.name = name.partition(b"\0")[0]
    entry.link = link.partition(b"\0")[0]
    entry.kind = kind
    entry.mode = number(mode, entry.name) & 0o7777
    entry.uid = number(uid, entry.name)
    entry.gid = number(gid, entry.name)
    entry.size = entry.real_size = number(size, entry.name)
    entry.mtime_ns = number(mtime, entry.name, signed=True) * 1_000_000_000
    entry.major = entry.minor = 0
    if kind in (CHARACTER, BLOCK):
        entry.major, entry.minor = number(major, entry.name), number(minor, entry.name)
    if magic == b"ustar\x0000":
        if tail[8:] == b"tar\0":
            prefix = prefix[:131]
        prefix = prefix.partition(b"\0")[0]
        if prefix:
            entry.name = prefix + b"/" + entry.name
    if kind in (b"\0", b"7"):
        entry.kind = kind = REGULAR
    if kind == REGULAR and entry.name.endswith(b"/"):
        entry.kind = FOLDER
    return entry


def number(field: bytes, name: bytes, *, signed: bool = False) -> int:
    """An octal or base-256 number; empty is 0."""
    digits = field.rstrip(b"\0 ")
    if digits.isdigit():
        try:
            return int(digits, 8)
        except ValueError:
            pass  # the general case says what is wrong
    if field[0] & 0x80:
        value = int.from_bytes(field, "big") & ((1 << (len(field) * 8 - 1)) - 1)
        if field[0] & 0x40:
            value -= 1 << (len(field) * 8 - 1)
        if value >= 0 or signed:
            return value
    else:
        digits = field.partition(b"\0")[0].strip()
        if not digits:
            return 0
        if digits.isdigit() and not digits.strip(b"01234567"):
            return int(digits, 8)
        if signed and digits[:1] == b"-" and digits[1:].isdigit() and not digits[1:].strip(b"01234567"):
            return int(digits, 8)
    raise Corrupt(f"layer entry {quoted(name)}: its header has a bad number {quoted(field)}")


def _verify(block: bytes, checksum: bytes, name: bytes) -> None:
    """The sum of all bytes, the checksum's own counted as spaces.

    Adler-32's low half is that sum + 1 modulo 65521: twenty times faster than sum()."""
    try:
        expected = int(checksum.partition(b"\0")[0].strip() or b"x", 8)
    except ValueError:
        raise Corrupt(f"not a tar header: {quoted(name.partition(bytes(1))[0])}") from None
    own = sum(checksum) - 8 * 32
    if ((adler32(block) & 0xFFFF) - 1 - own - expected) % _ADLER == 0:
        return
    signed = sum(byte - 256 if byte > 127 else byte for byte in block[:148] + b" " * 8 + block[156:])
    if signed != expected:  # very old tars summed signed chars
        raise Corrupt(f"not a tar header (checksum): {quoted(name.partition(bytes(1))[0])}")
