"""Blobs that are not there whole yet: what a process leaves that was killed while it fetched one."""

from __future__ import annotations

from pathlib import Path

from skerry.store import partial
from skerry.store.locks import Lock
from skerry.store.store import Store

DIGEST = "sha256:" + "ab" * 32


def test_a_lock_without_its_blob_is_swept_unless_it_is_held(store: Store) -> None:
    folder = Path(store.path("partial"))
    folder.mkdir(parents=True)
    (folder / "left.lock").touch()
    with Lock(str(folder / "held.lock")):
        partial.sweep(store)
        assert [path.name for path in folder.iterdir()] == ["held.lock"]


def test_what_was_begun_is_kept_with_its_lock(store: Store) -> None:
    with partial.Partial(store, DIGEST) as begun:
        path = Path(f"/proc/self/fd/{begun.fd}").readlink()
        path.write_bytes(b"half")
        partial.sweep(store)
        assert path.with_name(path.name + ".lock").exists()
    partial.sweep(store)
    assert path.read_bytes() == b"half"
