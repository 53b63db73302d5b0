"""Killed at each step, and two at once: the layer is whole or absent, and the next command works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skerry.store.check import check
from skerry.store.store import Store

PROGRAM = """
import gzip, io, sys
from skerry.store import layers
from skerry.store.store import Store
from tests.hostile.test_archives import file
store = Store(sys.argv[1], sys.argv[1] + "-run")
data = gzip.compress(file(b"a", b"x" * 100000), mtime=0)
top = layers.add_layer(store, None, io.BytesIO(data))["chain_id"]
print(top, flush=True)
if sys.argv[2] == "remove":
    layers.remove_layer(store, top)
"""


def start(root: str, action: str, **env: str) -> subprocess.Popen[bytes]:
    here = str(Path(__file__).parents[2])
    environ = os.environ | {"PYTHONPATH": f"{here}/src:{here}"} | env
    return subprocess.Popen([sys.executable, "-c", PROGRAM, root, action], stdout=subprocess.PIPE, env=environ)


def test_killed_at_every_step(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert start(str(tmp_path / "0"), "remove", SKERRY_TRACE_STEPS=str(trace)).wait() == 0
    steps = trace.read_text().split()
    assert "layer.record" in steps
    assert "layer.discard" in steps
    for name in dict.fromkeys(steps):
        root = str(tmp_path / name)
        assert start(root, "remove", SKERRY_CRASH_AT=name).wait() == -9
        store = Store(root, root + "-run")
        check(store, repair=True)
        assert [f for f in check(store, repair=False) if f["lost"]] == [], name
        assert check(store, repair=False) == [], name
        assert os.listdir(root + "/staging") == []
        assert start(root, "remove").wait() == 0
        assert os.listdir(root + "/layers") == os.listdir(root + "/blobs/sha256") == [], name
        store.db.close()


@pytest.mark.parametrize("count", [4])
def test_several_add_the_same_layer(store: Store, count: int) -> None:
    running = [start(store.root, "add") for _ in range(count)]
    outputs = {process.communicate()[0] for process in running}
    assert len(outputs) == 1
    assert [process.returncode for process in running] == [0] * count
    assert check(store, repair=False) == []
