"""Archives that want to harm: each is contained, or refused by one error that names the entry; nothing is left."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import resource
import struct
import subprocess
import tarfile
import time
import zlib
from pathlib import Path

import pytest
import zstandard

from skerry.errors import Corrupt, Invalid, OutOfSpace, SkerryError
from skerry.store import layers
from skerry.store.store import Store

DIR, SYM, LNK, CHR, BLK, FIFO = (
    tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE,
)  # fmt: skip


def block(name: bytes, *, kind: bytes = b"0", size: int = 0, link: bytes = b"", magic: bytes = b"ustar\x0000") -> bytes:
    number = b"%011o\0" % size if size < 8 << 30 else b"\x80" + size.to_bytes(11, "big")
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + number + b"00000000000\0" + b" " * 8 + kind
    head += link.ljust(100, b"\0") + magic
    head = head.ljust(512, b"\0")
    return head[:148] + b"%06o\0 " % sum(head) + head[156:]


def pad(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def file(name: bytes, data: bytes = b"") -> bytes:
    return block(name, size=len(data)) + pad(data)


def pax(records: bytes, kind: bytes = b"x") -> bytes:
    return block(b"pax", kind=kind, size=len(records)) + pad(records)


def record(key: bytes, value: bytes) -> bytes:
    size = len(key) + len(value) + 3
    size += len(str(size + len(str(size))))
    return b"%d %s=%s\n" % (size, key, value)


def link(name: bytes, target: bytes, kind: bytes = SYM) -> bytes:
    return block(name, kind=kind, link=target)


def folder(name: bytes) -> bytes:
    return block(name, kind=DIR)


REFUSED = {
    "dot dot": (file(b"../evil", b"x"), "../evil"),
    "dot dot inside": (file(b"a/../../evil", b"x"), "a/../../evil"),
    "below a link to nowhere": (link(b"a", b"/nowhere") + file(b"a/b", b"x"), '"a"'),
    "below a file": (file(b"a", b"x") + file(b"a/b", b"x"), "a/b"),
    "below a loop": (link(b"a", b"b") + link(b"b", b"a") + file(b"a/c"), "a/c"),
    "hard link outside": (link(b"a", b"../../../etc/passwd", LNK), "../../../etc/passwd"),
    "hard link to nothing": (link(b"a", b"etc/shadow", LNK), "a"),
    "hard link through a link": (link(b"d", b"/etc") + link(b"a", b"d/passwd", LNK), "a"),
    "hard link to a folder": (folder(b"d") + link(b"a", b"d", LNK), "a"),
    "hard link to the root": (link(b"a", b"/", LNK), "a"),
    "whiteout of nothing": (file(b"d/.wh."), "d/.wh."),
    "whiteout of .": (file(b"d/.wh.."), "d/.wh.."),
    "whiteout of ..": (file(b"d/.wh..."), "d/.wh..."),
    "opaque mark below a file": (file(b"f") + file(b"f/.wh..wh..opq"), "f/.wh..wh..opq"),
    "a whiteout as folder": (file(b".wh.d/x"), ".wh.d"),
    "a link as root": (link(b"/", b"x"), "root"),
    "long name": (file(b"n" * 99) + pax(record(b"path", b"n" * 300)) + file(b"n"), "too long"),
    "deep name": (pax(record(b"path", b"d/" * 3000 + b"f")) + file(b"n"), "too long"),
    "long link": (pax(record(b"linkpath", b"l" * 5000)) + link(b"l", b"l"), "l"),
    "empty link": (link(b"l", b""), "l"),
    "NUL in a name": (pax(record(b"path", b"a\0b")) + file(b"n"), "NUL"),
    "terminal escapes in a name": (file(b"\x1b[2J\n\x07../../x") + file(b"\x1b[2J\n\x07.wh./.wh."), "\\x1b[2J\\n\\x07"),
    "huge pax header": (block(b"p", kind=b"x", size=4 << 30) + bytes(1 << 20), "1 MiB"),
    "huge long name": (block(b"p", kind=b"L", size=4 << 30) + bytes(1 << 20), "1 MiB"),
    "a million xattrs": (
        pax(b"".join(record(b"SCHILY.xattr.user.%d" % n, b"x") for n in range(40_000))) + file(b"n"), "1 MiB",
    ),
    "thousands of xattrs": (
        pax(b"".join(record(b"SCHILY.xattr.user.%d" % n, b"x" * 50) for n in range(5000))) + file(b"n"), "user.",
    ),
    "pax length zero": (pax(b"0 a=b\n") + file(b"n"), "malformed"),
    "pax length too long": (pax(b"99 a=b\n") + file(b"n"), "malformed"),
    "pax without equals": (pax(b"6 abc\n") + file(b"n"), "malformed"),
    "pax then nothing": (pax(record(b"path", b"x")), "within an entry"),
    "bad number": (file(b"n").replace(b"0000644\0", b"0009644\0", 1), "n"),
    "negative size": (file(b"n").replace(b"00000000000\0", b"\xff" * 12, 1), "n"),
    "rubbish": (os.urandom(4096), "not a tar header"),
    "text": (b"hello world\n" * 400, "not a tar header"),
    "truncated header": (file(b"n")[:300], "truncated"),
    "truncated data": (block(b"n", size=5000) + bytes(1000), "truncated"),
    "unknown type": (block(b"n", kind=b"Q"), "unknown type"),
    "continued on another tape": (block(b"n", kind=b"M"), "unknown type"),
    "zero block between": (bytes(512) + file(b"n"), "zero block"),
    "sparse map beyond the file": (
        pax(record(b"GNU.sparse.map", b"100,10") + record(b"GNU.sparse.size", b"50")) + file(b"n", b"0123456789"), "sparse",
    ),
    "sparse map backwards": (
        pax(record(b"GNU.sparse.map", b"10,5,0,5") + record(b"GNU.sparse.size", b"50")) + file(b"n", b"0123456789"), "sparse",
    ),
    "sparse map too short": (
        pax(record(b"GNU.sparse.map", b"0,5") + record(b"GNU.sparse.size", b"50")) + file(b"n", b"0123456789"), "sparse",
    ),
    "sparse map odd": (pax(record(b"GNU.sparse.map", b"0,5,7")) + file(b"n", b"0123456789"), "sparse"),
    "gzip of nothing": (b"\x1f\x8b", "gzip"),
    "gzip rubbish": (b"\x1f\x8b\x08" + os.urandom(5000), "gzip"),
    "gzip cut": (gzip.compress(file(b"n", os.urandom(5000)))[:-300], "gzip"),
    "gzip with rubbish behind": (gzip.compress(file(b"n")) + b"rubbish", "gzip"),
    "zstd rubbish": (b"\x28\xb5\x2f\xfd" + os.urandom(5000), "zstd"),
    "zstd cut": (zstandard.compress(file(b"n", os.urandom(5000)))[:-300], "truncated"),
}  # fmt: skip


def add(store: Store, data: bytes, **known: object) -> Path:
    record = layers.add_layer(store, None, io.BytesIO(data), **known)  # type: ignore[arg-type]
    assert layers.open_layer_tar(store, record["chain_id"]).read() == data or record["blob"]
    return Path(layers.layer_dir(store, record["chain_id"]))


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused_by_one_clear_error(store: Store, tmp_path: Path, name: str) -> None:
    data, words = REFUSED[name]
    if "xattrs" in name and subprocess.run(["stat", "-fc", "%T", tmp_path], capture_output=True).stdout == b"tmpfs\n":
        pytest.skip("a tmpfs takes any number of attributes")
    before = sorted(os.listdir(tmp_path))
    with pytest.raises((Corrupt, Invalid)) as caught:
        add(store, data)
    text = str(caught.value)
    assert words in text
    assert text.isprintable()
    assert len(text) < 1000
    assert os.listdir(store.path("layers")) == os.listdir(store.path("blobs/sha256")) == []
    assert os.listdir(store.path("staging")) == []
    assert sorted(os.listdir(tmp_path)) == before


CONTAINED = {
    "absolute name": (file(b"/etc/evil", b"x"), "etc/evil"),
    "absolute link": (link(b"d", b"/") + folder(b"etc") + file(b"d/etc/evil", b"x"), "etc/evil"),
    "climbing link": (folder(b"etc") + link(b"d", b"../../../../../etc") + file(b"d/evil", b"x"), "etc/evil"),
    "link to the host's folder": (link(b"e", b"/") + file(b"e/evil", b"x"), "evil"),
    "written through a link": (link(b"f", b"/etc/passwd") + file(b"f", b"x"), "f"),
    "written through a hard link": (file(b"a", b"1") + link(b"f", b"a", LNK) + file(b"f", b"x"), "f"),
    "folder becomes a link": (folder(b"d") + file(b"d/a") + link(b"d", b"/tmp") + folder(b"d") + file(b"d/x", b"x"), "d/x"),
    "link becomes a folder": (link(b"d", b"/tmp") + folder(b"d") + file(b"d/x", b"x"), "d/x"),
    "hard link to itself": (file(b"a", b"x") + link(b"a", b"a", LNK), "a"),
    "folder replaced by a link into it": (folder(b"d") + file(b"d/a", b"x") + link(b"d", b"d/a", LNK), "d"),
    "escapes, a newline and no UTF-8": (file(b"\x1b]0;x\x07\n\xff", b"x"), "\x1b]0;x\x07\n\udcff"),
    "a whiteout and then a file": (file(b".wh.a") + file(b"a", b"x"), "a"),
    "a file and then a whiteout": (file(b"a", b"x") + file(b".wh.a"), "a"),
    "a name inside a whiteout": (file(b".wh.d") + file(b"d/x", b"x"), "d/x"),
    "aufs's notes": (file(b".wh..wh.plnk/1", b"1") + file(b".wh..wh.aufs", b"x") + file(b"x", b"x"), "x"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONTAINED)
def test_stays_inside(store: Store, tmp_path: Path, name: str) -> None:
    data, result = CONTAINED[name]
    before = Path("/etc/passwd").read_bytes()
    diff = add(store, data)
    assert not (diff / result).is_symlink()
    assert (diff / result).read_bytes() == b"x"
    assert Path("/etc/passwd").read_bytes() == before
    assert not Path("/etc/evil").exists()
    assert sorted(os.listdir(tmp_path)) == ["root"]


def test_forged_overlay_attributes_are_dropped(store: Store) -> None:
    forged = record(b"SCHILY.xattr.trusted.overlay.redirect", b"/etc") + record(
        b"SCHILY.xattr.user.overlay.opaque", b"y"
    )
    diff = add(store, pax(forged + record(b"SCHILY.xattr.user.ok", b"1")) + folder(b"d"))
    assert os.listxattr(diff / "d") == ["user.ok"]


def test_devices_are_skipped_without_root(store: Store) -> None:
    store.rootless = True
    diff = add(store, block(b"sda", kind=BLK) + block(b"fifo", kind=FIFO))
    assert os.listdir(diff) == ["fifo"]


@pytest.mark.parametrize("compress", ["gzip", "zstd"])
def test_a_bomb_is_stopped_by_the_limit(store: Store, compress: str) -> None:
    head, zeros = block(b"bomb", size=64 << 30), bytes(16 << 20)
    if compress == "gzip":
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        data = packer.compress(head) + b"".join(packer.compress(zeros) for _ in range(8)) + packer.flush()
    else:
        data = zstandard.compress(head + zeros * 8)
    started = time.monotonic()
    with pytest.raises((Invalid, OutOfSpace), match=r"bytes|fit"):
        add(store, data, max_bytes=1 << 30)
    assert time.monotonic() - started < 5


def test_a_terabyte_of_holes_stays_one(store: Store) -> None:
    size = 1 << 40
    records = record(b"GNU.sparse.map", b"0,5,%d,5" % (size - 5)) + record(b"GNU.sparse.size", b"%d" % size)
    status = (add(store, pax(records) + file(b"n", b"0123456789")) / "n").stat()
    assert status.st_size == size
    assert status.st_blocks < 100


def test_a_terabyte_of_data_that_is_not_there_is_refused_at_once(store: Store) -> None:
    with pytest.raises((OutOfSpace, Corrupt)):
        add(store, block(b"n", size=1 << 40) + bytes(4096))


def test_many_entries_take_linear_time_and_little_memory(store: Store) -> None:
    data = b"".join(file(b"d%d/%d" % (n % 300, n)) for n in range(30_000))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()  # of the processor: others may be busy too
    add(store, data)
    assert time.process_time() - started < 15
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_one_name_many_times_is_one_file(store: Store) -> None:
    diff = add(store, b"".join(file(b"a", b"%d" % n) for n in range(2000)))
    assert (diff / "a").read_bytes() == b"1999"


def test_the_deepest_tree_can_be_removed_again(store: Store) -> None:
    deep = b"d/" * 1500
    diff = add(store, pax(record(b"path", deep + b"f")) + file(b"n", b"x"))
    layers.remove_layer(store, "sha256:" + diff.parent.name)
    assert not diff.exists()


def test_any_damage_is_an_error_of_ours(store: Store) -> None:
    import random

    good = (
        pax(record(b"path", b"x/y")) + file(b"n", b"data") + folder(b"d") + link(b"d/l", b"x") + block(b"s", kind=b"S")
    )
    for seed in range(150):
        rng = random.Random(seed)
        data = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        for start in range(0, len(data), 512):  # headers whose checksum is right get further
            if data[start + 257 : start + 262] == b"ustar":
                data[start + 148 : start + 156] = b" " * 8
                data[start + 148 : start + 156] = struct.pack("8s", b"%06o\0 " % sum(data[start : start + 512]))
        with contextlib.suppress(SkerryError):
            add(store, bytes(data))
