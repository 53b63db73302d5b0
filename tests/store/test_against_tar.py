"""What GNU tar writes in all its formats is unpacked as GNU tar unpacks it."""

from __future__ import annotations

import io
import os
import subprocess
from pathlib import Path

import pytest

from skerry.store import layers
from skerry.store.store import Store

FORMATS = [
    "--format=v7", "--format=ustar", "--format=oldgnu", "--format=gnu", "--format=pax --xattrs",
    "--format=gnu -S", "--format=pax -S --sparse-version=0.0", "--format=pax -S --sparse-version=0.1",
    "--format=pax -S --sparse-version=1.0",
]  # fmt: skip


def listing(root: Path) -> list[tuple[object, ...]]:
    result = []
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            s = os.lstat(path)
            text = os.readlink(path) if os.path.islink(path) else ""
            xattrs = {x: os.getxattr(path, x, follow_symlinks=False) for x in os.listxattr(path, follow_symlinks=False)}
            data = Path(path).read_bytes() if os.path.isfile(path) and not text else b""
            times = s.st_mtime_ns if not text else 0
            result.append(
                (os.path.relpath(path, root), s.st_mode, s.st_uid, s.st_gid, s.st_nlink, times, text, xattrs, data)
            )
    return sorted(result)  # fmt: skip


@pytest.mark.parametrize("options", FORMATS)
def test_gives_the_same_tree(store: Store, tmp_path: Path, options: str) -> None:
    tree, other = tmp_path / "tree", tmp_path / "other"
    (tree / "sub/deep").mkdir(parents=True)
    other.mkdir()
    (tree / "sub/file").write_bytes(b"content" * 1000)
    os.link(tree / "sub/file", tree / "hard")
    (tree / "link").symlink_to("sub/file")
    if "v7" not in options:
        os.mkfifo(tree / "sub/fifo")
    os.chown(tree / "sub/deep", 1234, 5)
    os.chmod(tree / "sub/deep", 0o2775)
    with open(tree / "holes", "wb") as out:
        for number in range(30):
            out.seek(number * 100_000)
            out.write(b"x" * (number * 7))
        out.truncate(5_000_000)
    if "v7" not in options and "ustar" not in options:
        (tree / ("l" * 200)).write_bytes(b"long name")
    if "xattrs" in options:
        os.setxattr(tree / "sub/file", "user.a", b"value\n")
        os.setxattr(tree / "hard", "security.capability", bytes.fromhex("0100000200200000000000000000000000000000"))
    tar = subprocess.run(
        ["tar", "-C", str(tree), "-c", *options.split(), "."], check=True, stdout=subprocess.PIPE
    ).stdout
    subprocess.run(["tar", "-C", str(other), "-xp", "--xattrs", "--xattrs-include=*"], input=tar, check=True)
    record = layers.add_layer(store, None, io.BytesIO(tar))
    assert listing(Path(layers.layer_dir(store, record["chain_id"]))) == listing(other)
    assert layers.open_layer_tar(store, record["chain_id"]).read() == tar
