"""An engine on a store of its own, and what must hold after each test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from skerry.engine.engine import Engine, open_engine
from skerry.engine.manifests.find import all_lists
from skerry.engine.manifests.records import blobs_of


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = open_engine(
        {
            "root": str(tmp_path / "root"),
            "runroot": str(tmp_path / "run"),
            "tmpdir": str(tmp_path / "tmp"),
            "network_config_dir": str(tmp_path / "networks"),
            "volumepath": str(tmp_path / "volumes"),
        }
    )
    yield made
    assert leftovers(made) == []


def leftovers(engine: Engine) -> list[str]:
    """Files in the store that no row knows, and rows without files."""
    db, root = engine.store.db, engine.store.root
    layers = {row[0][7:] for row in db.query("SELECT chain_id FROM layers")}
    blobs = {row[0][7:] for row in db.query("SELECT blob FROM layers WHERE blob IS NOT NULL")}
    for image_id, digest in db.query("SELECT id, digest FROM images"):
        blobs |= {image_id, digest[7:]}
    blobs |= {digest[7:] for record in all_lists(engine) for digest in blobs_of(record)}
    used = {row[0][7:] for row in db.query("SELECT top_layer FROM images WHERE top_layer IS NOT NULL")}
    used |= {row[0][7:] for row in db.query("SELECT parent FROM layers WHERE parent IS NOT NULL")}
    found = [f"layer {name}" for name in set(os.listdir(f"{root}/layers")) ^ layers]
    found += [f"unused layer {name}" for name in layers - used]
    found += [f"blob {name}" for name in set(os.listdir(f"{root}/blobs/sha256")) ^ blobs]
    found += [f"staging {name}" for name in os.listdir(f"{root}/staging")]
    return found
