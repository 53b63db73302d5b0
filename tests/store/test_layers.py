"""Layers: added, mounted, rebuilt, removed."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import stat
import subprocess
import tarfile
import threading
from pathlib import Path

import pytest
import zstandard

from skerry.errors import Corrupt, InUse, NotFound
from skerry.store import layers, overlay
from skerry.store.archive.pack import write_layer_tar
from skerry.store.layer_add import add_then
from skerry.store.store import Store
from skerry.store.types import LayerRecord


def archive(*members: tuple[str, dict[str, object]], format: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as tar:
        for name, fields in members:
            info = tarfile.TarInfo(name)
            data = fields.pop("data", b"")
            assert isinstance(data, bytes)
            for key, value in fields.items():
                setattr(info, key, value)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def simple() -> bytes:
    return archive(
        ("etc", {"type": tarfile.DIRTYPE, "mode": 0o2755, "gid": 7, "mtime": 5}),
        ("etc/passwd", {"data": b"root:x:0:0\n", "mode": 0o644, "mtime": 1.25}),
        ("etc/link", {"type": tarfile.SYMTYPE, "linkname": "/passwd"}),
        ("etc/hard", {"type": tarfile.LNKTYPE, "linkname": "etc/passwd"}),
        ("etc/.wh.gone", {}),
        ("new/.wh..wh..opq", {}),
        ("bin/su", {"data": b"x" * 1000, "mode": 0o4755, "uid": 1, "gid": 2}),
    )


def add(store: Store, data: bytes, parent: str | None = None, **known: object) -> str:
    return layers.add_layer(store, parent, io.BytesIO(data), **known)["chain_id"]  # type: ignore[arg-type]


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_a_tar_becomes_a_tree(store: Store) -> None:
    diff = Path(layers.layer_dir(store, add(store, simple())))
    etc = (diff / "etc").stat()
    assert (stat.S_IMODE(etc.st_mode), etc.st_gid, etc.st_mtime_ns) == (0o2755, 7, 5 * 10**9)
    passwd = (diff / "etc/passwd").stat()
    assert (passwd.st_mtime_ns, passwd.st_nlink, passwd.st_gid) == (1_250_000_000, 2, 0)
    assert os.readlink(diff / "etc/link") == "/passwd"
    assert (diff / "etc/gone").lstat().st_rdev == 0
    assert stat.S_ISCHR((diff / "etc/gone").lstat().st_mode)
    assert os.getxattr(diff / "new", "trusted.overlay.opaque") == b"y"
    su = (diff / "bin/su").stat()
    assert (stat.S_IMODE(su.st_mode), su.st_uid, su.st_gid) == (0o4755, 1, 2)


@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_the_exact_tar_comes_back(store: Store, compress: object) -> None:
    data = simple()
    packed = compress(data)  # type: ignore[operator]
    record = layers.add_layer(store, None, io.BytesIO(packed), diff_id=digest(data), blob=digest(packed))
    with layers.open_layer_tar(store, record["chain_id"]) as tar:
        assert tar.read() == data
    assert (record["blob"] == digest(packed)) == (packed != data)
    assert len(os.listdir(store.path("blobs/sha256"))) == (packed != data)


@pytest.mark.parametrize("compress", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_several_members_or_frames_are_one_stream(store: Store, compress: object) -> None:
    data = simple()
    packed = b"".join(compress(data[i : i + 3000]) for i in range(0, len(data), 3000))  # type: ignore[operator]
    assert add(store, packed) == digest(data)


@pytest.mark.parametrize("data", [b"", bytes(1024), bytes(10240)], ids=["nothing", "end", "padded end"])
def test_an_empty_layer_is_a_layer(store: Store, data: bytes) -> None:
    assert os.listdir(layers.layer_dir(store, add(store, data))) == []


def test_what_follows_the_end_is_kept_but_not_unpacked(store: Store) -> None:
    data = simple() + archive(("second", {}))
    top = add(store, data)
    assert not os.path.exists(layers.layer_dir(store, top) + "/second")
    assert layers.open_layer_tar(store, top).read() == data


def test_replaced_entries_are_still_in_the_tar(store: Store) -> None:
    data = archive(
        ("a", {"data": b"first"}),
        ("a", {"data": b"second"}),
        ("d/x", {"data": b"in a folder"}),
        ("d", {"data": b"a file now"}),
        ("d", {"type": tarfile.DIRTYPE}),
        ("d/x", {"data": b"again"}),
        ("l", {"type": tarfile.SYMTYPE, "linkname": "d"}),
        ("l/y", {"data": b"through a link"}),
        ("l", {"data": b"no link"}),
    )
    top = add(store, data)
    diff = Path(layers.layer_dir(store, top))
    assert [(diff / name).read_bytes() for name in ("a", "d/x", "d/y", "l")] == [
        b"second", b"again", b"through a link", b"no link",
    ]  # fmt: skip
    assert layers.open_layer_tar(store, top).read() == data


def test_an_altered_layer_is_noticed(store: Store) -> None:
    top = add(store, simple())
    Path(layers.layer_dir(store, top), "etc/passwd").write_bytes(b"evil:x:0:0\n")
    with pytest.raises(Corrupt):
        layers.open_layer_tar(store, top).read()


def test_layers_are_stacked_and_written_above(store: Store, tmp_path: Path) -> None:
    base = add(store, archive(("old/a", {"data": b"1"}), ("keep", {"data": b"k"}), ("gone", {})))
    top = add(store, archive(("old/.wh..wh..opq", {}), ("old/b", {"data": b"2"}), (".wh.gone", {})), base)
    assert layers.chain(store, top) == [base, top]
    for name in ("m", "up:per,x", "work"):
        (tmp_path / name).mkdir()
    target = tmp_path / "m"
    overlay.mount_overlay(
        store, str(target), [base, top], upper=str(tmp_path / "up:per,x"), work=str(tmp_path / "work"), volatile=True
    )
    try:
        assert sorted(os.listdir(target)) == ["keep", "old"]
        assert os.listdir(target / "old") == ["b"]
        (target / "new").write_text("x")
    finally:
        overlay.umount(str(target))
    assert (tmp_path / "up:per,x/new").exists()


@pytest.mark.parametrize("count", [0, 1, 130])
@pytest.mark.parametrize("kernel", ["new", "old"])
def test_any_number_of_layers_can_be_mounted(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, kernel: str
) -> None:
    if kernel == "old":

        def missing(*_args: object, **_kw: object) -> None:
            raise OSError(38, "ENOSYS")

        monkeypatch.setattr(overlay, "_mount_new", missing)
    top, chain = None, []
    for number in range(count):
        top = add(store, archive((str(number), {})), top)
        chain.append(top)
    target = tmp_path / "m"
    target.mkdir()
    overlay.mount_overlay(store, str(target), chain)
    try:
        assert len(os.listdir(target)) == count
        with pytest.raises(OSError, match="Read-only"):
            (target / "x").touch()
    finally:
        overlay.umount(str(target))


def test_a_tree_becomes_a_layer_and_the_same_tar_everywhere(store: Store, tmp_path: Path) -> None:
    base = add(store, simple())
    tree = tmp_path / "root" / "tree"
    (tree / "a/b").mkdir(parents=True)
    (tree / ("long" * 50)).write_bytes(b"x" * 1000)
    (tree / "a/b/ünï").symlink_to("t" * 300)
    os.link(tree / ("long" * 50), tree / "a/linked")
    os.mknod(tree / "a/gone", stat.S_IFCHR, 0)
    os.setxattr(tree / "a/b", "trusted.overlay.opaque", b"y")
    os.setxattr(tree / "a", "user.kept", b"\0\n=")
    os.chown(tree / "a", 3_000_000, 5)
    out = io.BytesIO()
    write_layer_tar(str(tree), out)
    record = layers.add_layer_from_tree(store, base, str(tree))
    assert not tree.exists()
    assert record["diff_id"] == digest(out.getvalue())
    assert layers.open_layer_tar(store, record["chain_id"]).read() == out.getvalue()
    names = tarfile.open(fileobj=io.BytesIO(out.getvalue())).getnames()
    assert names == ["a", "a/b", "a/b/.wh..wh..opq", "a/b/ünï", "a/.wh.gone", "a/linked", "long" * 50]
    again = layers.layer_dir(store, add(store, out.getvalue()))
    assert os.getxattr(again + "/a", "user.kept") == b"\0\n="
    assert os.stat(again + "/a").st_uid == 3_000_000
    diff = ["diff", "-r", "--no-dereference", again, layers.layer_dir(store, record["chain_id"])]
    assert subprocess.run(diff, check=False).returncode == 0


def test_a_layer_in_use_stays(store: Store) -> None:
    base = add(store, simple())
    top = add(store, simple(), base)
    with pytest.raises(InUse):
        layers.remove_layer(store, base)
    layers.remove_layer(store, top)
    layers.remove_layer(store, base)
    layers.remove_layer(store, base)
    assert os.listdir(store.path("layers")) == []


def test_a_blob_goes_with_its_last_layer(store: Store) -> None:
    packed = gzip.compress(simple())
    base = add(store, packed)
    top = add(store, packed, base)
    layers.remove_layer(store, top)
    assert len(os.listdir(store.path("blobs/sha256"))) == 1
    layers.remove_layer(store, base)
    assert os.listdir(store.path("blobs/sha256")) == []


def test_a_wrong_digest_is_refused(store: Store) -> None:
    with pytest.raises(Corrupt, match="digest"):
        add(store, simple(), diff_id=digest(b""))
    with pytest.raises(NotFound):
        add(store, simple(), parent=digest(b""))
    assert os.listdir(store.path("layers")) == []


def test_a_known_layer_is_not_read_again(store: Store) -> None:
    top = add(store, simple())
    stream = io.BytesIO(simple())
    assert layers.add_layer(store, None, stream, diff_id=top)["chain_id"] == top
    assert stream.tell() == 0


def test_a_layer_from_a_pipe_stays_until_somebody_has_recorded_what_uses_it(store: Store) -> None:
    """Somebody who removes another image of the same layer waits meanwhile."""
    removal: list[threading.Thread] = []

    def then(record: LayerRecord) -> str:
        removal.append(
            threading.Thread(target=layers.remove_layer, args=(Store(store.root, store.runroot), record["chain_id"]))
        )
        removal[0].start()
        removal[0].join(0.3)
        assert removal[0].is_alive()
        return record["chain_id"]

    store.db  # noqa: B018 - the folders exist
    chain = add_then(store, None, io.BytesIO(simple()), then)
    removal[0].join(10)
    assert layers.get_layer(store, chain) is None
