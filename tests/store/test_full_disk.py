"""A disk without a free byte: adding fails cleanly and gives its room back, removing works."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.hostile.test_archives import file

from skerry.errors import OutOfSpace
from skerry.store import layers
from skerry.store.archive import budget
from skerry.store.blobs import add_blob
from skerry.store.store import Store


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Store]:
    """A store on an ext4 file system of 24 MiB without reserved blocks."""
    image, mounted = tmp_path / "image", tmp_path / "mounted"
    mounted.mkdir()
    with open(image, "wb") as out:
        out.truncate(24 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True)
    subprocess.run(["mount", "-o", "loop", str(image), str(mounted)], check=True)
    store = Store(str(mounted / "root"), str(tmp_path / "run"))
    try:
        store.db  # noqa: B018 - makes the folders
        yield store
        store.db.close()
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill(store: Store) -> None:
    with open(store.path("filler"), "wb", buffering=0) as out:
        for piece in (1 << 16, 512, 1):
            try:
                while out.write(bytes(piece)):
                    pass
            except OSError:
                continue


def free(store: Store) -> int:
    status = os.statvfs(store.root)
    return status.f_bavail * status.f_frsize


@pytest.mark.parametrize("looks", [True, False], ids=["foreseen", "met"])
def test_a_layer_that_does_not_fit_leaves_nothing(small: Store, monkeypatch: pytest.MonkeyPatch, looks: bool) -> None:
    if not looks:
        monkeypatch.setattr(budget.Budget, "_look", lambda *_: None)
    before = free(small)
    with pytest.raises(OutOfSpace):
        layers.add_layer(small, None, io.BytesIO(b"".join(file(b"%d" % n, os.urandom(1 << 20)) for n in range(40))))
    assert os.listdir(small.path("staging")) == os.listdir(small.path("layers")) == []
    assert free(small) >= before - (256 << 10)


def test_layers_are_removed_with_no_byte_free(small: Store) -> None:
    tops = [layers.add_layer(small, None, io.BytesIO(file(b"%d" % n, b"x" * 100_000)))["chain_id"] for n in range(3)]
    fill(small)
    assert free(small) == 0
    with pytest.raises(OutOfSpace):
        add_blob(small, [b"x" * 5000])
    for top in tops:
        layers.remove_layer(small, top)
    assert os.listdir(small.path("layers")) == os.listdir(small.path("staging")) == []
    assert small.db.query("SELECT count(*) FROM layers") == [(0,)]
