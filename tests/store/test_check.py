"""`check` finds what crashes and meddling left, and never what a running command holds."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from skerry.store import layers
from skerry.store.check import check
from skerry.store.store import Store


def a_layer(store: Store, name: str, *, packed: bool = False, parent: str | None = None) -> str:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo(name)
        info.size = 5
        tar.addfile(info, io.BytesIO(b"12345"))
    data = gzip.compress(out.getvalue()) if packed else out.getvalue()
    return layers.add_layer(store, parent, io.BytesIO(data))["chain_id"]


def found(store: Store, *, repair: bool = False) -> list[tuple[str, str, bool]]:
    return [(finding["kind"], finding["name"], finding["repaired"]) for finding in check(store, repair=repair)]


def test_a_sound_store_has_no_findings(store: Store) -> None:
    a_layer(store, "b", packed=True, parent=a_layer(store, "a"))
    assert found(store) == []


def test_staging_of_the_living_is_left_alone(store: Store) -> None:
    with store.staging() as staging:
        assert found(store, repair=True) == []
        assert os.path.isdir(staging.path)


def test_staging_of_the_dead_is_swept(store: Store) -> None:
    os.makedirs(store.path("staging/dead/x"))
    Path(store.path("staging/dead.lock")).touch()
    assert found(store) == [("staging", "dead", False)]
    assert found(store, repair=True) == [("staging", "dead", True)]
    assert found(store) == []


def test_a_folder_without_a_row_is_removed(store: Store) -> None:
    os.makedirs(store.path("layers", "0" * 64, "diff"))
    assert found(store, repair=True) == [("layer", "sha256:" + "0" * 64, True)]
    assert os.listdir(store.path("layers")) == []


def test_a_layer_that_is_being_added_is_no_finding(store: Store) -> None:
    top = "sha256:" + "0" * 64
    os.makedirs(store.path("layers", "0" * 64, "diff"))
    with store.lock("layer", top):
        assert found(store, repair=True) == []


def test_missing_and_altered_layers_are_lost(store: Store) -> None:
    gone, altered = a_layer(store, "a"), a_layer(store, "b")
    shutil.rmtree(layers.layer_dir(store, gone))
    Path(layers.layer_dir(store, altered), "b").write_bytes(b"54321")
    assert found(store) == [("layer", name, False) for name in sorted([gone, altered])]
    assert found(store, repair=True) == [("layer", name, True) for name in sorted([gone, altered])]
    assert found(store) == []
    assert a_layer(store, "a") == gone


def test_a_damaged_layer_that_is_used_stays(store: Store) -> None:
    base = a_layer(store, "a")
    a_layer(store, "b", parent=base)
    shutil.rmtree(layers.layer_dir(store, base))
    assert found(store, repair=True) == [("layer", base, False)]
    assert a_layer(store, "a") == base
    assert found(store) == []


@pytest.mark.parametrize("how", ["new", "appended"])
def test_what_was_added_to_a_layer_is_found(store: Store, how: str) -> None:
    layer = a_layer(store, "a")
    tree = Path(layers.layer_dir(store, layer))
    known = next(path for path in tree.rglob("*") if path.is_file() and path.stat().st_size)
    os.link(known, tree / "second-name")  # the recipe knows its data
    (tree / "empty").touch()
    assert found(store) == []
    if how == "new":
        (tree / "more").write_bytes(b"x")
    else:
        with known.open("ab") as file:
            file.write(b"x")
    assert found(store) == [("layer", layer, False)]


def test_altered_and_cut_blobs_are_lost(store: Store) -> None:
    name = hashlib.sha256(b"x").hexdigest()
    Path(store.path("blobs/sha256", name)).write_bytes(b"y")
    assert found(store, repair=True) == [("blob", "sha256:" + name, True)]
    assert found(store) == []
