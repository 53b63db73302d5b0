"""The file with the results of checks: damaged, or on a full disk."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.command import Skerry

from skerry.engine.health import results
from skerry.errors import OutOfSpace

RECORD: Any = {"id": "a" * 64, "name": "box", "config": {}}
STATE: Any = {"started_ns": 7}


def add(health: Any) -> Any:
    return {**health, "log": [*health["log"], {"Output": "more"}][-2:]}


def make(folder: Path, warnings: list[str]) -> Any:
    (folder / "health").mkdir(parents=True)
    store = SimpleNamespace(run_path=lambda *names: str(folder.joinpath(*names)))
    return SimpleNamespace(store=store, warn=warnings.append, log=warnings.append)


@pytest.mark.parametrize("text", ["", '{"run":', "[1]", "\0\0\0"])
def test_a_damaged_log_is_told_and_kept(tmp_path: Path, text: str) -> None:
    warnings: list[str] = []
    engine = make(tmp_path, warnings)
    file = Path(results.path(engine, RECORD["id"]))
    file.write_text(text)
    assert results.read(engine, RECORD["id"], STATE)["log"] == []
    (warning,) = warnings
    assert str(file) in warning
    assert "healthcheck log corrupted" in warning
    assert file.read_text() == text
    results.change(engine, RECORD, STATE, add)
    assert len(results.read(engine, RECORD["id"], STATE)["log"]) == 1
    assert Path(f"{file}.damaged").read_text() == text
    assert len(warnings) == 2
    results.forget(engine, RECORD["id"])
    assert os.listdir(tmp_path / "health") == []


def test_a_damaged_copy_is_kept_too(tmp_path: Path) -> None:
    warnings: list[str] = []
    engine = make(tmp_path, warnings)
    copy = tmp_path / f"{RECORD['id']}-healthcheck.log"
    copy.write_text("{")
    record = {**RECORD, "config": {"health_log_destination": str(tmp_path)}}
    results.change(engine, record, STATE, add)
    assert json.loads(copy.read_text())["Log"]
    assert (tmp_path / f"{copy.name}.damaged").read_text() == "{"
    results.change(engine, record, STATE, add)
    assert len(warnings) == 1


def test_the_command_says_it(skerry: Skerry, busybox: str) -> None:
    words = ("--health-cmd", "true", "--health-interval", "disable")
    box = skerry("run", "-d", "--name", "box", *words, busybox, "sleep", "1000").id
    (skerry.runroot / "health").mkdir(exist_ok=True)
    (skerry.runroot / "health" / box).write_text("{")
    for command in (("ps",), ("inspect", "box")):
        assert "healthcheck log corrupted" in skerry(*command).stderr
    assert "(unhealthy)" in skerry("ps", "--format", "{{.Status}}").stdout
    assert ".damaged" in skerry("healthcheck", "run", "box").stderr
    assert skerry("ps", "--format", "{{.Status}}").stderr == ""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("needs root to mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_results_count_on_a_full_disk(small_disk: Path) -> None:
    engine = make(small_disk, [])
    results.change(engine, RECORD, STATE, add)
    with open(small_disk / "filler", "wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    new, fresh = "unhealthy", {**RECORD, "id": "b" * 64}
    results.change(engine, RECORD, STATE, lambda health: {**add(health), "status": new})
    assert results.read(engine, RECORD["id"], STATE)["status"] == new
    results.change(engine, RECORD, STATE, lambda health: {**health, "log": []})
    assert results.read(engine, RECORD["id"], STATE)["log"] == []
    with pytest.raises(OutOfSpace, match="health check log"):
        results.change(engine, fresh, STATE, add)
    with pytest.raises(OutOfSpace):
        results.change(engine, RECORD, STATE, lambda health: {**health, "status": "x" * 9000})
    assert results.read(engine, RECORD["id"], STATE)["status"] == new


def test_the_log_in_a_folder_of_the_users_counts_where_it_is_shown(
    skerry: Skerry, busybox: str, tmp_path: Path
) -> None:
    words = ("--health-cmd", "true", "--health-interval", "disable", "--health-log-destination", str(tmp_path))
    box = skerry("run", "-d", "--name", "box", *words, busybox, "sleep", "1000").id
    skerry("healthcheck", "run", "box")
    (tmp_path / f"{box}-healthcheck.log").write_text("{")
    shown = skerry("ps", "--format", "{{.Status}}")
    assert "(unhealthy)" in shown.stdout
    assert "level=warning" in shown.stderr
    assert "healthcheck log corrupted" in shown.stderr
    mended = skerry("healthcheck", "run", "box")
    assert (mended.code, mended.stdout) == (0, "")
    assert "healthcheck log corrupted" in mended.stderr
    assert skerry("healthcheck", "run", "box").stderr == ""
    assert "(healthy)" in skerry("ps", "--format", "{{.Status}}").stdout
