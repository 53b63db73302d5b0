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


def test_a_lock_goes_with_the_bytes_that_its_dead_holder_finished(store: Store) -> None:
    folder = Path(store.path("partial"))
    folder.mkdir(parents=True)
    for end in (".whole", ".lock"):
        (folder / (DIGEST[7:] + end)).touch()
    partial.discard_whole(store, DIGEST)
    assert list(folder.iterdir()) == []
    with Lock(str(folder / f"{DIGEST[7:]}.lock")):
        partial.discard_whole(store, DIGEST)
        assert [path.name for path in folder.iterdir()] == [f"{DIGEST[7:]}.lock"]
